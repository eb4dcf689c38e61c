import type { Metrics, Traces } from './observability/index.js';

/** Up to the 1.4 s after which a command counts as unanswered. */
const scriptBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Up to what a statement may wait for a lock, and more: reconciliations hold one transaction for their whole time. */
const transactionBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Times the scripts that this process has Redis run, and notes them in the traces they belong to. */
export function scriptTimer(metrics: Metrics, traces: Traces): (name: string, seconds: number) => void {
  const scripts = metrics.histograms(
    { name: 'script_duration_seconds', help: 'How long a caller waited for a script', labels: ['script'] },
    scriptBounds,
  );
  return (name, seconds) => {
    scripts.at(name).observe(seconds);
    if (traces.on) traces.record(`redis ${name}`, seconds, false);
  };
}

/** Times the transactions of this process, and notes them in the traces they belong to. */
export function transactionTimer(metrics: Metrics, traces: Traces): (outcome: string, seconds: number) => void {
  const transactions = metrics.histograms(
    {
      name: 'transaction_duration_seconds',
      help: 'How long a transaction took, with the wait for its connection and its locks',
      labels: ['outcome'],
    },
    transactionBounds,
  );
  return (outcome, seconds) => {
    transactions.at(outcome).observe(seconds);
    if (traces.on) traces.record('postgres transaction', seconds, outcome === 'failed');
  };
}
