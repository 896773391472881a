import numpy as np
import pandas as pd
import pytest
import sklearn.ensemble

from fluxlib.errors import FluxError
from fluxlib.imputation import forest, tree_blocks
from fluxlib.imputation.error_surface import ForestSurface
from fluxlib.imputation.forest import build_forest
from fluxlib.imputation.genetic import GeneticSearch
from tests.helpers.imputation import make_nonlinear


@pytest.fixture(scope="module")
def data():
    X, y = make_nonlinear(600)
    return X[:400], y[:400], X[400:], y[400:]


def rmse(model, X, y):
    return np.sqrt(np.mean((model.predict(X) - y) ** 2))


def draw_parameters(n, trees, depth, leaf):
    rng = np.random.default_rng(7)
    tops = np.array([trees, depth, leaf])
    return rng.integers(1, tops + 1, (n, 3)).tolist()


def test_uncut_block_is_the_forest_itself(data):
    X, y, X_validation, y_validation = data
    surface, training = ForestSurface(*data), ForestSurface(*data, error_on="train")
    block, seed = surface.block, surface._grower.make_seed(0)
    direct = build_forest(block, 32, 3, random_state=seed).fit(X, y)
    value = rmse(direct, X_validation, y_validation)
    assert surface.rmse(block, 32, 3) == pytest.approx(value, rel=1e-5)
    assert training.rmse(block, 32, 3) == pytest.approx(rmse(direct, X, y), rel=1e-5)


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
        monkeypatch.setattr(forest, "RandomForestRegressor", sklearn.ensemble.RandomForestRegressor)
    X, y = make_nonlinear(900, seed=1)
    data = X[:600], y[:600], X[600:], y[600:]
    points, seeds = draw_parameters(12, 48, 16, 12), range(4)
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


def test_grows_only_what_is_asked_for(data):
    surface = ForestSurface(*data)
    assert surface.trees_grown.empty
    surface.rmse(surface.block + 1, 3, 5)
    surface.rmse(2, 30, 5)
    assert surface.trees_grown.to_dict() == {5: 2 * surface.block}


def test_the_order_of_questions_does_not_matter(data):
    one, two = ForestSurface(*data), ForestSurface(*data)
    one.rmse(1, 1, 1)
    one.rmse_table(4, 10)
    pd.testing.assert_frame_equal(one.rmse_table(4, 40), two.rmse_table(4, 40))


@pytest.mark.parametrize("kept", [True, False], ids=["in a folder", "in memory"])
def test_killed_growth_goes_on_to_the_same_surface(data, kept, tmp_path, monkeypatch):
    undisturbed = ForestSurface(*data).rmse_table(2, 60)
    surface = ForestSurface(*data, folder=tmp_path if kept else None)
    surface.rmse_table(2, 30)

    def die(*_):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(ForestSurface, "_write", die)  # after the sums were added to
        with pytest.raises(RuntimeError):
            surface.rmse_table(2, 60)
    again = ForestSurface(*data, folder=tmp_path) if kept else surface
    pd.testing.assert_frame_equal(again.rmse_table(2).loc[:30], undisturbed.loc[:30])
    pd.testing.assert_frame_equal(again.rmse_table(2, 60), undisturbed)


def test_warm_surface_fits_nothing(data, tmp_path, monkeypatch):
    cold = ForestSurface(*data, folder=tmp_path)
    value = cold.rmse(20, 7, 3)
    monkeypatch.setattr(tree_blocks, "build_forest", None)
    warm = ForestSurface(*data, folder=tmp_path)
    assert warm.rmse(20, 7, 3) == value
    pd.testing.assert_series_equal(warm.trees_grown, cold.trees_grown)


def test_two_surfaces_share_a_folder(data, tmp_path):
    one, two = (ForestSurface(*data, folder=tmp_path) for _ in range(2))
    one.rmse_table(2, 16)
    two.rmse_table(2, 48)
    pd.testing.assert_frame_equal(one.rmse_table(2, 64), ForestSurface(*data).rmse_table(2, 64))


@pytest.mark.parametrize("change", ["target", "random_state", "max_features", "error_on"])
def test_other_data_or_settings_do_not_reuse_what_is_stored(data, tmp_path, change):
    ForestSurface(*data, folder=tmp_path).rmse(1, 1, 1)
    X, y, X_validation, y_validation = data
    options = {"random_state": 1, "max_features": 0.5, "error_on": "train"}
    changed = {change: options[change]} if change in options else {}
    y = y + 1e-9 if change == "target" else y
    other = ForestSurface(X, y, X_validation, y_validation, folder=tmp_path, **changed)
    assert other.trees_grown.empty


def test_training_error_rewards_deep_trees_with_small_leaves(data):
    surface, training = ForestSurface(*data), ForestSurface(*data, error_on="train")
    assert training.rmse(30, 32, 1) < 0.6 * surface.rmse(30, 32, 1)
    assert training.rmse(30, 32, 1) < training.rmse(30, 4, 20)


def test_inputs_are_not_changed():
    X, y = make_nonlinear(200)
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
        (
            lambda s: s.with_options(error_on="test", max_depth=4),
            "error_on is 'test'; expected one of validation, train",
        ),
    ],
)
def test_unusable_questions_are_refused(data, ask, message):
    with pytest.raises(FluxError, match=message):
        ask(ForestSurface(*data))


def test_unusable_data_are_refused():
    X, y = make_nonlinear(50)
    with pytest.raises(FluxError, match="NaN"):
        ForestSurface(X, np.where(y > 0, y, np.nan), X, y)
    with pytest.raises(FluxError, match="shape"):
        ForestSurface(X, y[:-1], X, y)


def test_a_surface_with_other_options_is_one_made_with_them(data):
    surface = ForestSurface(*data)
    surface.rmse(5, 3, 2)
    other = surface.with_options(error_on="train", max_depth=6)
    assert other.trees_grown.empty
    direct = ForestSurface(*data, error_on="train", max_depth=6)
    pd.testing.assert_frame_equal(other.rmse_table(2, 20), direct.rmse_table(2, 20))
    assert surface.rmse_table(2).shape == (surface.block, 32)


def test_forests_grown_ahead_are_those_grown_when_asked_for(data):
    ahead, lazy = ForestSurface(*data), ForestSurface(*data)
    ahead.grow([(40, 3, 2), (3, 9, 2), (1, 1, 7)])
    assert ahead.trees_grown.to_dict() == {2: 2 * ahead.block, 7: ahead.block}
    assert ahead.seconds_per_tree > 0
    assert lazy.seconds_per_tree is None
    pd.testing.assert_frame_equal(ahead.rmse_table(2, 40), lazy.rmse_table(2, 40))


def test_the_landscape_is_the_least_over_leaf_sizes(data):
    surface = ForestSurface(*data, max_depth=8)
    landscape, least = surface.landscape((3, 2, 1))
    assert landscape.shape == (8, 4)
    assert (landscape.index[0], landscape.columns[0]) == (1, 1)
    for trees, depth in ((1, 1), (8, 4), (3, 2)):
        expected = min(surface.rmse(trees, depth, leaf) for leaf in (1, 2))
        assert landscape.loc[trees, depth] == pytest.approx(expected)
    assert least["rmse"] == landscape.min(axis=None)
    assert surface.rmse(least["trees"], least["depth"], least["leaf"]) == least["rmse"]


def search(data, **options):
    surface = ForestSurface(*data, max_depth=8, **options)
    finder = GeneticSearch(population=8, generations=3, bits=(6, 3, 2), random_state=1)
    history, best = finder.run(surface.fitness, prepare=surface.grow)
    tables = {leaf: surface.rmse_table(leaf) for leaf in surface.trees_grown.index}
    return history, best, tables


@pytest.mark.slow
@pytest.mark.parametrize("error_on", ["validation", "train"])
def test_workers_grow_the_surface_to_the_last_digit(data, workers, tmp_path, error_on):
    folder = tmp_path if error_on == "train" else None
    one = search(data, error_on=error_on, folder=folder)
    other = workers.leave(search, data, error_on=error_on)
    assert one[0].equals(other[0])
    assert one[1] == other[1]
    assert one[2].keys() == other[2].keys()
    assert all(one[2][leaf].equals(other[2][leaf]) for leaf in one[2])
