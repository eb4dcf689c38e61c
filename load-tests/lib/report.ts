import { barsChart, linesChart, type Series } from './charts.ts';
import { number, timeColumns, timesOf, valueOf, verdictsOf, type SummaryData } from './data.ts';
import { outcomes, sliceNames } from './metrics.ts';

/** Okabe and Ito's: told apart by the colour-blind too. */
const blue = '#0072b2';
const orange = '#e69f00';
const red = '#d55e00';

const style = `
:root { color-scheme: light dark; --faint: #59636e; --line: #d1d9e0; --good: #1a7f37; --bad: #cf222e }
@media (prefers-color-scheme: dark) { :root { --faint: #9198a1; --line: #3d444d; --good: #3fb950; --bad: #ff7b72 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 760px; margin: 2rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem } p { margin: .25rem 0; color: var(--faint) }
table { border-collapse: collapse; width: 100% } th, td { padding: .25rem .5rem; border-bottom: 1px solid var(--line) }
th, td { text-align: left } .n { text-align: right; font-variant-numeric: tabular-nums }
.ok { color: var(--good) } .no { color: var(--bad); font-weight: 600 }
svg { width: 100%; height: auto } svg text { font: 13px system-ui, sans-serif; fill: CanvasText } .grid { stroke: var(--line) }`;

/** One page that needs nothing else: charts are SVG, and nothing is fetched. */
export function htmlReport(name: string, data: SummaryData, generator: string): string {
  const verdicts = verdictsOf(data);
  const failed = verdicts.filter(({ ok }) => !ok).length;
  const verdict =
    failed === 0 ? `all ${verdicts.length} thresholds kept` : `${failed} of ${verdicts.length} thresholds broken`;
  const accepted = sliceSeries('accepted', blue, data, 'accepted', 'count');
  const refused = sliceSeries('refused', orange, data, 'refused', 'count');
  const bars = outcomes.map((outcome) => ({
    name: outcome.replaceAll('_', ' '),
    colour: outcome === 'unexpected' ? red : outcome === 'accepted' || outcome === 'replayed' ? blue : orange,
    value: valueOf(data, outcome, 'count'),
  }));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${name}: ${verdict}</title><style>${style}</style>
</head>
<body><main>
<h1>${name}</h1>
<p><span class="${failed === 0 ? 'ok' : 'no'}">${verdict}</span> · ${number(data.state.testRunDurationMs / 1000)} s · ${new Date().toISOString()}</p>
<p>${generator}</p>
<h2>What became of purchase requests</h2>
${barsChart('Purchase requests by outcome', bars)}
<h2>Answers in each twentieth of the run</h2>
${linesChart('Answers over the run', [accepted, refused])}
<h2>Milliseconds from POST to answer, 95th percentile</h2>
${linesChart('Latency over the run', [sliceSeries('p(95)', blue, data, 'ms', 'p(95)')])}
<h2>Times, ms</h2>
<table><tr><th>what</th>${timeColumns.map((column) => `<th class="n">${column}</th>`).join('')}</tr>
${timesOf(data)
  .map(([what, values]) => timeRow(what, values))
  .join('\n')}</table>
<h2>Thresholds</h2>
<table><tr><th>metric</th><th>threshold</th><th>kept</th></tr>
${verdicts.map(({ metric, threshold, ok }) => `<tr><td>${metric}</td><td>${escaped(threshold)}</td><td class="${ok ? 'ok' : 'no'}">${ok ? 'yes' : 'no'}</td></tr>`).join('\n')}</table>
</main></body>
</html>
`;
}

function sliceSeries(name: string, colour: string, data: SummaryData, part: string, value: string): Series {
  return { name, colour, values: sliceNames.map((slice) => valueOf(data, `${slice}_${part}`, value)) };
}

function timeRow(what: string, values: Readonly<Record<string, number>>): string {
  const cells = timeColumns.map((column) => `<td class="n">${number(values[column] ?? 0)}</td>`);
  return `<tr><td>${what}</td>${cells.join('')}</tr>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
