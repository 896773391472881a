// A figure with a chart shows the chart in the picture's place. Without Plotly's script, and on
// paper, the picture stays.
const dark = matchMedia("(prefers-color-scheme: dark)");

function readColors() {
  const { color } = getComputedStyle(document.body);
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    "font.color": color,
    "xaxis.linecolor": color,
    "xaxis.tickcolor": color,
    "yaxis.linecolor": color,
    "yaxis.tickcolor": color,
    "yaxis2.linecolor": color,
    "yaxis2.tickcolor": color,
  };
}

for (const place of window.Plotly ? document.querySelectorAll(".chart") : []) {
  const { data, layout } = JSON.parse(place.querySelector("script").textContent);
  const figure = place.closest("figure");
  place.hidden = false;
  figure.classList.add("with-chart");
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", figure.querySelector("img").alt);
  layout.showlegend &&= place.clientWidth > 600; // on a phone the names show at the touched point
  await Plotly.newPlot(place, data, layout, { responsive: true, displaylogo: false });
  await Plotly.relayout(place, readColors());
  dark.addEventListener("change", () => Plotly.relayout(place, readColors()));
}
