/** Small SVG charts, as text: no library, no script, readable without the network. */

const COLORS = ['#2563eb', '#94a3b8', '#f59e0b', '#10b981'];
const WIDTH = 760;
const LABEL_WIDTH = 150;
const BAR = 18;

export interface Bars {
  readonly label: string;
  /** One value for each series; undefined leaves its bar out. */
  readonly values: readonly (number | undefined)[];
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

/** Horizontal bars in groups, one color a series, each with its value. */
export function barChart(title: string, series: readonly string[], groups: readonly Bars[], unit: string): string {
  const most = Math.max(1e-9, ...groups.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const groupHeight = series.length * BAR + 14;
  const height = groups.length * groupHeight + 30;
  const scale = (WIDTH - LABEL_WIDTH - 150) / most;
  const bars = groups.flatMap(({ label, values }, group) => {
    const top = 30 + group * groupHeight;
    return [
      `<text x="0" y="${top + groupHeight / 2 - 2}" class="label">${escaped(label)}</text>`,
      ...values.map((value, index) => {
        if (value === undefined) return '';
        const y = top + index * BAR;
        const width = Math.max(1, value * scale);
        return `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 3}" rx="2" fill="${COLORS[index]}"/><text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + 12}">${value.toLocaleString('en', { maximumSignificantDigits: 3 })} ${unit}</text>`;
      }),
    ];
  });
  return figure(title, height, legend(series) + bars.join(''));
}

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Lines over a common axis that begins at zero. */
export function lineChart(title: string, lines: readonly Line[], xUnit: string, yUnit: string): string {
  const all = lines.flatMap(({ points }) => points);
  const maxX = Math.max(1e-9, ...all.map(({ x }) => x));
  const maxY = Math.max(1e-9, ...all.map(({ y }) => y)) * 1.1;
  const [left, top, width, height] = [60, 34, WIDTH - 80, 220];
  const at = ({ x, y }: { x: number; y: number }) =>
    `${(left + (x / maxX) * width).toFixed(1)},${(top + height - (y / maxY) * height).toFixed(1)}`;
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = top + height - share * height;
    return `<line x1="${left}" x2="${left + width}" y1="${y}" y2="${y}" class="grid"/><text x="${left - 6}" y="${y + 4}" text-anchor="end">${Math.round(maxY * share)}</text>`;
  });
  const paths = lines.map(
    ({ points }, index) =>
      `<polyline points="${points.map(at).join(' ')}" fill="none" stroke="${COLORS[index]}" stroke-width="2"/>`,
  );
  const axis = `<text x="${left + width}" y="${top + height + 20}" text-anchor="end">${Math.round(maxX)} ${xUnit}</text><text x="${left}" y="${top + height + 20}">0</text><text x="0" y="${top - 8}">${yUnit}</text>`;
  return figure(title, height + 70, legend(lines.map(({ name }) => name)) + grid.join('') + paths.join('') + axis);
}

function legend(names: readonly string[]): string {
  return names
    .map(
      (name, index) =>
        `<rect x="${LABEL_WIDTH + index * 150}" y="4" width="12" height="12" rx="2" fill="${COLORS[index]}"/><text x="${LABEL_WIDTH + 18 + index * 150}" y="14">${escaped(name)}</text>`,
    )
    .join('');
}

function figure(title: string, height: number, content: string): string {
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">${content}</svg></figure>`;
}
