import re

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.widgets.answers import Answer, Work, render_answer


def make_figure():
    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([0, 1])
    return figure


def fail(error):
    raise error


def test_a_figure_has_its_size_and_alternative_text():
    text, work = render_answer(lambda: Answer("r < 1", make_figure(), alt='A "line" < 1'))
    assert work is None
    assert 'width="384" height="192"' in text
    assert 'alt="A &quot;line&quot; &lt; 1"' in text
    assert "r &lt; 1</p>" in text
    assert re.search(r'src="data:image/png;base64,iVBOR[\w+/=]+">', text)


def test_no_figure_stays_with_pyplot():
    render_answer(lambda: Answer("", make_figure()))
    assert plt.get_fignums() == []


def test_a_table_comes_below():
    table = pd.DataFrame({"driver": ["V"], "rho": [0.5]})
    text, _ = render_answer(lambda: Answer("one", table=table))
    assert text.index("one") < text.index('<td class="text short">V</td>')


def test_work_that_is_left_is_handed_on():
    work = Work("Train", lambda tell: None)
    assert render_answer(lambda: Answer("", work=work))[1] is work


def test_errors_become_sentences():
    text, work = render_answer(lambda: fail(FluxError("a is 1; expected < 0.")))
    assert "These settings do not go together: a is 1; expected &lt; 0.</p>" in text
    assert work is None
    assert "no overlap" in render_answer(lambda: fail(NotApplicable("no overlap")))[0]
    text, _ = render_answer(lambda: fail(KeyError("e2")))
    assert 'class="flux-error"' in text
    assert "This is a fault of the program: KeyError: &#x27;e2&#x27;" in text
