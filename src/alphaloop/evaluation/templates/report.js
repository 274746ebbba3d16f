(function () {
  "use strict";
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var figures = [];

  function colours(printing) {
    if (printing) { return { ink: "#222222", grid: "#dddddd", card: "#ffffff" }; }
    var style = getComputedStyle(document.documentElement);
    function read(name) { return style.getPropertyValue(name).trim(); }
    return { ink: read("--soft"), grid: read("--grid"), card: read("--card") };
  }

  function axes(layout, set) {
    Object.keys(layout).forEach(function (key) {
      if (/^[xy]axis\d*$/.test(key)) { set(layout[key], key); }
    });
  }

  function dress(layout, printing) {
    var paint = colours(printing);
    layout.paper_bgcolor = "rgba(0,0,0,0)";
    layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: paint.ink };
    layout.hoverlabel = { bgcolor: paint.card, bordercolor: paint.grid, font: { color: paint.ink } };
    axes(layout, function (axis) {
      if (axis.showgrid !== false) { axis.gridcolor = paint.grid; }
      axis.linecolor = paint.grid;
      axis.zerolinecolor = paint.grid;
      axis.ticks = "";
      axis.ticklabelstandoff = 5;
      axis.title = Object.assign({}, axis.title, { font: { size: 12.5 }, standoff: 10 });
    });
    return layout;
  }

  function draw(holder) {
    var source = document.getElementById(holder.dataset.figure);
    var figure = JSON.parse(source.textContent);
    var entry = { holder: holder, layout: figure.layout };
    figures.push(entry);
    Plotly.newPlot(holder, figure.data, dress(figure.layout, false), { responsive: true, displayModeBar: false, showTips: false });
  }

  function repaint(printing) {
    figures.forEach(function (entry) { Plotly.relayout(entry.holder, dress(entry.holder.layout, printing)); });
  }

  document.querySelectorAll(".plot").forEach(draw);
  dark.addEventListener("change", function () { repaint(false); });
  window.addEventListener("beforeprint", function () { repaint(true); });
  window.addEventListener("afterprint", function () { repaint(false); });
})();
