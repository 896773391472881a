import numpy as np
import pandas as pd
import pytest
import sklearn.ensemble

from fluxlib.errors import FluxError
from fluxlib.imputation import tree_growth as growth
from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.tree_growth import build_forest

KINDS = ("validation", "train")


def make_data(n, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=n)
    return X.astype(np.float32).astype(float), y  # what single precision holds


@pytest.fixture(scope="module")
def data():
    X, y = make_data(600)
    return X[:400], y[:400], X[400:], y[400:]


def rmse(model, X, y):
    return np.sqrt(np.mean((model.predict(X) - y) ** 2))


def draw_parameters(n, trees, depth, leaf):
    rng = np.random.default_rng(7)
    tops = np.array([trees, depth, leaf])
    return rng.integers(1, tops + 1, (n, 3)).tolist()


def test_uncut_block_is_the_forest_itself(data):
    X, y, X_validation, y_validation = data
    surface = ForestSurface(*data, kinds=KINDS)
    direct = build_forest(surface.block, 32, 3, random_state=surface._growth.make_seed(0, 0)).fit(
        X, y
    )
    value = surface.rmse(surface.block, 32, 3)
    assert value == pytest.approx(rmse(direct, X_validation, y_validation), rel=1e-5)
    assert surface.rmse(surface.block, 32, 3, kind="train") == pytest.approx(
        rmse(direct, X, y), rel=1e-5
    )


def test_depth_one_of_four_steps_leaves_half_a_step():
    # y is 0, 1, 10, 11 on four quarters: one cut finds 0.5 and 10.5, two find everything.
    steps = np.array([0.0, 1.0, 10.0, 11.0])
    x = np.linspace(0, 1, 400, endpoint=False)[:, None]
    middles = np.array([0.125, 0.375, 0.625, 0.875])[:, None]
    surface = ForestSurface(x, steps.repeat(100), middles, steps)
    assert 0.5 <= surface.rmse(64, 1, 1) < 0.505
    assert surface.rmse(64, 2, 1) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["installed", "scikit-learn"])
def test_agrees_with_forests_fitted_directly_to_within_the_spread_of_seeds(engine, monkeypatch):
    if engine == "scikit-learn":
        monkeypatch.setattr(growth, "RandomForestRegressor", sklearn.ensemble.RandomForestRegressor)
    X, y = make_data(900, seed=1)
    data = X[:600], y[:600], X[600:], y[600:]
    points, seeds = draw_parameters(30, 48, 16, 12), range(4)
    surfaces = [ForestSurface(*data, max_depth=16, random_state=seed, n_jobs=2) for seed in seeds]
    counted = np.array([[surface.rmse(*point) for surface in surfaces] for point in points])
    fitted = np.array(
        [
            [
                rmse(build_forest(*point, random_state=seed, n_jobs=2).fit(*data[:2]), *data[2:])
                for seed in seeds
            ]
            for point in points
        ]
    )
    difference = np.abs(counted.mean(axis=1) - fitted.mean(axis=1)).mean()
    assert difference <= fitted.std(axis=1, ddof=1).mean()


def test_folds_are_pooled_by_their_squared_errors():
    X, y = make_data(500)
    rows = np.arange(500)
    folds = [(rows[100:], rows[:100]), (rows[:350], rows[350:])]
    surface = ForestSurface(X, y, folds=folds)
    squares = []
    for number, (train, test) in enumerate(folds):
        seed = surface._growth.make_seed(number, 0)
        model = build_forest(surface.block, 32, 2, random_state=seed).fit(X[train], y[train])
        squares.append((model.predict(X[test]) - y[test]) ** 2)
    expected = np.sqrt(np.concatenate(squares).mean())
    assert surface.rmse(surface.block, 32, 2) == pytest.approx(expected, rel=1e-5)


def test_grows_only_what_is_asked_for(data):
    surface = ForestSurface(*data)
    assert surface.grown.empty
    surface.rmse(surface.block + 1, 3, 5)
    surface.rmse(2, 30, 5)
    assert surface.grown.to_dict() == {5: 2 * surface.block}


def test_the_order_of_questions_does_not_matter(data):
    one, two = ForestSurface(*data), ForestSurface(*data)
    one.rmse(1, 1, 1)
    one.plane(4, 10)
    pd.testing.assert_frame_equal(one.plane(4, 40), two.plane(4, 40))


@pytest.mark.parametrize("kept", [True, False], ids=["in a folder", "in memory"])
def test_killed_growth_goes_on_to_the_same_surface(data, kept, tmp_path, monkeypatch):
    undisturbed = ForestSurface(*data).plane(2, 60)
    surface = ForestSurface(*data, folder=tmp_path if kept else None)
    surface.plane(2, 30)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ForestSurface, "_write", die)  # after the sums were added to
        with pytest.raises(KeyboardInterrupt):
            surface.plane(2, 60)
    again = ForestSurface(*data, folder=tmp_path) if kept else surface
    pd.testing.assert_frame_equal(again.plane(2).loc[:30], undisturbed.loc[:30])
    pd.testing.assert_frame_equal(again.plane(2, 60), undisturbed)


def test_warm_surface_fits_nothing(data, tmp_path, monkeypatch):
    cold = ForestSurface(*data, folder=tmp_path)
    value = cold.rmse(20, 7, 3)
    monkeypatch.setattr(growth, "build_forest", None)
    warm = ForestSurface(*data, folder=tmp_path)
    assert warm.rmse(20, 7, 3) == value
    pd.testing.assert_series_equal(warm.grown, cold.grown)
    pd.testing.assert_series_equal(warm.optimum(), cold.optimum())


def test_two_surfaces_share_a_folder(data, tmp_path):
    one, two = (ForestSurface(*data, folder=tmp_path) for _ in range(2))
    one.plane(2, 16)
    two.plane(2, 48)
    pd.testing.assert_frame_equal(one.plane(2, 64), ForestSurface(*data).plane(2, 64))


@pytest.mark.parametrize("change", ["target", "random_state", "max_features", "kinds"])
def test_other_data_or_settings_do_not_reuse_what_is_stored(data, tmp_path, change):
    ForestSurface(*data, folder=tmp_path).rmse(1, 1, 1)
    X, y, X_validation, y_validation = data
    options = {"random_state": 1, "max_features": 0.5, "kinds": KINDS}
    changed = {change: options[change]} if change in options else {}
    y = y + 1e-9 if change == "target" else y
    other = ForestSurface(X, y, X_validation, y_validation, folder=tmp_path, **changed)
    assert other.grown.empty


def test_optimum_is_the_least_of_all_planes(data):
    surface = ForestSurface(*data)
    planes = {leaf: surface.plane(leaf, 30) for leaf in (1, 4, 20)}
    best = surface.optimum(max_trees=30)
    assert best["rmse"] == min(plane.to_numpy().min() for plane in planes.values())
    assert planes[best["leaf"]].loc[best["trees"], best["depth"]] == best["rmse"]
    assert best["trees"] <= 30


def test_training_error_rewards_deep_trees_with_small_leaves(data):
    surface = ForestSurface(*data, kinds=KINDS)
    assert surface.rmse(30, 32, 1, kind="train") < 0.6 * surface.rmse(30, 32, 1)
    assert surface.rmse(30, 32, 1, kind="train") < surface.rmse(30, 4, 20, kind="train")


def test_inputs_are_not_changed():
    X, y = make_data(200)
    X, y = pd.DataFrame(X.astype(float)), pd.Series(y)
    before = X.copy(), y.copy()
    ForestSurface(X, y, X, y).rmse(1, 1, 1)
    pd.testing.assert_frame_equal(X, before[0])
    pd.testing.assert_series_equal(y, before[1])


def test_fitness_is_one_over_rmse(data):
    surface = ForestSurface(*data)
    assert surface.fitness(3, 4, 5) == 1 / surface.rmse(3, 4, 5)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: s.rmse(1, 33, 1), "depth is 33; this surface counts depths 1..32"),
        (lambda s: s.rmse(0, 1, 1), "trees is 0"),
        (lambda s: s.rmse(1, 1, 0), "leaf is 0"),
        (lambda s: s.rmse(1, 1, 1, kind="train"), "kind is 'train'; expected one of validation"),
        (lambda s: s.optimum(), "nothing is counted yet"),
    ],
)
def test_unusable_questions_are_refused(data, ask, message):
    with pytest.raises(FluxError, match=message):
        ask(ForestSurface(*data))


def test_unusable_data_are_refused():
    X, y = make_data(50)
    with pytest.raises(FluxError, match="NaN"):
        ForestSurface(X, np.where(y > 0, y, np.nan), X, y)
    with pytest.raises(FluxError, match="shape"):
        ForestSurface(X, y[:-1], X, y)
    with pytest.raises(FluxError, match="either X_validation"):
        ForestSurface(X, y)
