import re

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from fluxlib.errors import FluxError, NotApplicable
from fluxlib.widgets.jobs import PendingWork
from fluxlib.widgets.view import View, render_view


def make_figure():
    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([0, 1])
    return figure


def fail(error):
    raise error


def test_a_figure_has_its_size_and_alternative_text():
    text, work = render_view(lambda: View("r < 1", make_figure(), alt='A "line" < 1'))
    assert work is None
    assert 'width="384" height="192"' in text
    assert 'alt="A &quot;line&quot; &lt; 1"' in text
    assert "r &lt; 1</p>" in text
    assert re.search(r'src="data:image/png;base64,iVBOR[\w+/=]+">', text)


def test_pyplot_keeps_no_figure():
    render_view(lambda: View("", make_figure()))
    assert plt.get_fignums() == []


def test_a_table_comes_below():
    table = pd.DataFrame({"driver": ["V"], "rho": [0.5]})
    text, _ = render_view(lambda: View("one", table=table))
    assert text.index("one") < text.index('<td class="text short">V</td>')


def test_pending_work_is_returned_beside_the_html():
    work = PendingWork("Train", print)
    assert render_view(lambda: View("", work=work))[1] is work


def test_errors_become_messages_about_the_settings_or_the_program():
    text, work = render_view(lambda: fail(FluxError("a is 1; expected < 0.")))
    assert "Please check the settings: a is 1; expected &lt; 0.</p>" in text
    assert work is None
    assert (
        "check the settings: no overlap"
        in render_view(lambda: fail(NotApplicable("no overlap")))[0]
    )
    text, _ = render_view(lambda: fail(KeyError("e2")))
    assert 'class="flux-error"' in text
    assert "The program failed: KeyError: &#x27;e2&#x27;" in text
