import { barChart, escaped, lineChart } from './charts.ts';
import type { Sample } from './meter.ts';
import { DRAIN, latencyOf, type Report, throughputOf } from './report.ts';
import { SERVICES } from './services.ts';
import { measuredOf, tablesOf } from './tables.ts';

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2rem auto; padding: 0 1rem; color: #0f172a; }
figure { margin: 2rem 0; } figcaption { font-weight: 600; margin-bottom: .5rem; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: #334155; } svg .label { font-weight: 600; }
.grid { stroke: #e2e8f0; } pre { font-size: 12px; overflow-x: auto; background: #f8fafc; padding: 1rem; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #e2e8f0; }
.missed { color: #b91c1c; font-weight: 600; } .met { color: #047857; }`;

/** The report as one self-contained HTML file. */
export function pageOf(report: Report): string {
  const targets = report.targets.map(
    (each) =>
      `<tr><td>${escaped(each.what)}</td><td>${each.bound}</td><td>${measuredOf(each)}</td><td class="${each.isMet ? 'met' : 'missed'}">${each.isMet ? 'met' : 'missed'}</td></tr>`,
  );
  const byService = (of: 'rate' | 'cpuMicrosPerMessage') =>
    SERVICES.map((service) => ({
      label: service,
      values: [
        throughputOf(report, service, 'ours')?.[of].median,
        throughputOf(report, service, 'bare')?.[of].median,
        throughputOf(report, service, 'plain')?.[of].median,
        throughputOf(report, service, 'bare', DRAIN)?.[of].median,
      ],
    }));
  const series = ['this project', 'bare client', 'plain way', 'bare, drain only'];
  const rates = [...new Set(report.latency.map(({ ratePerSecond }) => ratePerSecond))];
  const charts = [
    barChart('Throughput by service, 200 B, messages a second', series, byService('rate'), '/s'),
    barChart('CPU time for one message, 200 B', series, byService('cpuMicrosPerMessage'), 'µs'),
    ...rates.map((rate) =>
      barChart(
        `Latency at ${rate.toLocaleString('en')} messages a second, from sending to settlement, batch delay included`,
        ['p50', 'p99', 'p99.9'],
        SERVICES.flatMap((service) =>
          (['ours', 'bare'] as const).map((by) => {
            const latency = latencyOf(report, service, by, rate)?.latency;
            return { label: `${service}, ${by}`, values: [latency?.p50, latency?.p99, latency?.p999] };
          }),
        ),
        'ms',
      ),
    ),
    report.memory.length === 0 ? '' : memoryChart('Memory of enrich over a million messages', report.memory),
    report.soak === undefined ? '' : memoryChart(`Memory over ${report.soak.seconds} s of soak`, report.soak.samples),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Bench of ${report.date}</title><style>${STYLE}</style></head><body>
<h1>Bench of ${report.date}</h1>
<p>Node ${report.node}, ${report.cores} cores of ${escaped(report.cpu)}. Everything was measured alternately in one run; servers run in separate processes on the same machine.</p>
<table><tr><th>Target</th><th>Bound</th><th>Measured</th><th></th></tr>${targets.join('')}</table>
${charts.join('\n')}
<h2>All numbers</h2><pre>${escaped(tablesOf(report))}</pre>
</body></html>
`;
}

function memoryChart(title: string, samples: readonly Sample[]): string {
  const first = samples[0]?.seconds ?? 0;
  const line = (name: string, of: (sample: Sample) => number) => ({
    name,
    points: samples.map((sample) => ({ x: sample.seconds - first, y: of(sample) })),
  });
  return lineChart(title, [line('RSS', ({ rssMb }) => rssMb), line('heap', ({ heapMb }) => heapMb)], 's', 'MB');
}
