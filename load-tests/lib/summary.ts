import { number, timeColumns, timesOf, valueOf, verdictsOf, type SummaryData } from './data.ts';
import { outputFolder } from './environment.ts';
import { outcomes } from './metrics.ts';
import { htmlReport } from './report.ts';

/** What sent the load: k6, unless the runner in test/support/k6 says otherwise. */
const generator = __ENV['LOAD_GENERATOR'] ?? 'Measured by k6.';

/** A script's handleSummary: `NAME.json` and `NAME.html` in the output folder, and the figures on standard output. */
export function summarise(name: string): (data: SummaryData) => Record<string, string> {
  return (data) => ({
    [`${outputFolder}/${name}.json`]: JSON.stringify(data, null, 2),
    [`${outputFolder}/${name}.html`]: htmlReport(name, data, generator),
    stdout: textReport(name, data),
  });
}

function textReport(name: string, data: SummaryData): string {
  const counts = outcomes.map((outcome) => `${outcome} ${number(valueOf(data, outcome, 'count'))}`);
  const times = timesOf(data).map(([what, values]) => {
    const figures = timeColumns.map((column) => `${column} ${number(values[column] ?? 0)}`);
    return `  ${what.padEnd(22)} ${figures.join('  ')}`;
  });
  const verdicts = verdictsOf(data).map(
    ({ metric, threshold, ok }) => `  ${ok ? 'kept  ' : 'BROKEN'} ${metric} ${threshold}`,
  );
  const seconds = number(data.state.testRunDurationMs / 1000);
  return `${[
    `${name}: ${seconds} s. ${generator}`,
    `  ${counts.join(', ')}`,
    ...times,
    ...verdicts,
    `Report: ${outputFolder}/${name}.html`,
  ].join('\n')}\n`;
}
