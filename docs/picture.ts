import * as v from 'valibot';
import { parse } from 'yaml';

/** Sizes in pixels. */
const BOX = { width: 118, height: 56 };
const GAP = { x: 32, y: 38 };
const PADDING = 22;
const CORNER = 10;
const LEGEND = { line: 34, lineHeight: 19 };

const SIDES = ['top', 'right', 'bottom', 'left'] as const;
type Side = (typeof SIDES)[number];

const arrowKind = v.optional(v.picklist(['message', 'lookup', 'dead']), 'message');
const place = v.strictTuple([v.number(), v.number()]);
/** A box and the side of it that an arrow begins or ends at: `raw bottom`. */
const end = v.pipe(
  v.string(),
  v.transform((text) => text.split(' ')),
  v.strictTuple([v.string(), v.picklist(SIDES)]),
);
const schema = v.strictObject({
  title: v.string(),
  description: v.string(),
  boxes: v.record(
    v.string(),
    v.strictObject({
      at: place,
      span: v.optional(v.number(), 1),
      kind: v.picklist(['service', 'topic', 'store', 'dead']),
      name: v.string(),
      note: v.optional(v.string()),
    }),
  ),
  arrows: v.array(v.strictObject({ from: end, to: end, kind: arrowKind, label: v.optional(v.string()) })),
  legend: v.strictObject({ at: place, arrows: v.array(v.strictObject({ kind: arrowKind, label: v.string() })) }),
});

type Source = v.InferOutput<typeof schema>;
type Box = Source['boxes'][string];
type Arrow = Source['arrows'][number];
type Point = readonly [x: number, y: number];

interface Frame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Colors for a light and a dark page, by the class of what they fill. */
const STYLE = `
    svg { font-family: system-ui, -apple-system, Roboto, Helvetica, Arial, sans-serif; }
    text { text-anchor: middle; fill: var(--ink); }
    .name { font-size: 13.5px; font-weight: 600; }
    .note, .label { font-size: 11px; fill: var(--soft); }
    .label { font-style: italic; }
    .legend { text-anchor: start; }
    .box { stroke-width: 1.5; }
    .arrow { fill: none; stroke-width: 1.75; }
    svg { --page: #ffffff; --edge: #d8dee6; --ink: #1b2430; --soft: #5b6675; }
    .page { fill: var(--page); stroke: var(--edge); }
    .service { fill: #e6effe; stroke: #2563c9; }
    .topic { fill: #fdf1d8; stroke: #b07b12; }
    .store { fill: #f1f3f6; stroke: #7b8694; }
    .box.dead { fill: #fdeceb; stroke: #c4423b; }
    .arrow.message { stroke: #2563c9; } .head.message { fill: #2563c9; }
    .arrow.lookup { stroke: #7b8694; stroke-dasharray: 1.5 4; stroke-linecap: round; } .head.lookup { fill: #7b8694; }
    .arrow.dead { stroke: #c4423b; stroke-dasharray: 6 4; } .head.dead { fill: #c4423b; }
    @media (prefers-color-scheme: dark) {
      svg { --page: #11161d; --edge: #2b333d; --ink: #e8edf3; --soft: #9aa6b4; }
      .service { fill: #16294a; stroke: #6ba1f5; }
      .topic { fill: #35290f; stroke: #dba642; }
      .store { fill: #1d242d; stroke: #8a96a5; }
      .box.dead { fill: #3a1a1a; stroke: #ef7b74; }
      .arrow.message { stroke: #6ba1f5; } .head.message { fill: #6ba1f5; }
      .arrow.lookup { stroke: #8a96a5; } .head.lookup { fill: #8a96a5; }
      .arrow.dead { stroke: #ef7b74; } .head.dead { fill: #ef7b74; }
    }`;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (found) => ESCAPES[found] ?? found);

/** Draws the SVG of a picture's source in YAML. The same source gives the same bytes. */
export function picture(yaml: string): string {
  const { title, description, boxes, arrows, legend } = v.parse(schema, parse(yaml));
  const frames = new Map(Object.entries(boxes).map(([id, box]) => [id, frameOf(box)]));
  const frameNamed = (id: string): Frame => {
    const frame = frames.get(id);
    if (frame === undefined) throw new Error(`an arrow names the box "${id}", which the picture does not have`);
    return frame;
  };
  const width = Math.max(...Array.from(frames.values(), (frame) => frame.x + frame.width)) + PADDING;
  const height = Math.max(...Array.from(frames.values(), (frame) => frame.y + frame.height)) + PADDING;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">
  <title id="title">${escaped(title)}</title>
  <desc id="description">${escaped(description)}</desc>
  <style>${STYLE}
  </style>
  <rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="12"/>
${[
  ...arrows.map((arrow) => drawnArrow(arrow, frameNamed(arrow.from[0]), frameNamed(arrow.to[0]))),
  ...Object.entries(boxes).map(([id, box]) => drawnBox(box, frameNamed(id))),
  ...drawnLegend(legend),
].join('\n')}
</svg>
`;
}

function frameOf({ at: [column, row], span }: Pick<Box, 'at' | 'span'>): Frame {
  return {
    x: PADDING + column * (BOX.width + GAP.x),
    y: PADDING + row * (BOX.height + GAP.y),
    width: span * BOX.width + (span - 1) * GAP.x,
    height: BOX.height,
  };
}

function drawnBox({ kind, name, note }: Box, { x, y, width, height }: Frame): string {
  const middle = x + width / 2;
  const center = y + height / 2;
  const isStore = kind === 'store';
  const shape = isStore
    ? storeShape({ x, y, width, height })
    : `<rect class="box ${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${kind === 'service' ? 8 : height / 2}"/>`;
  // The lid of a store takes a little of its height.
  const baseline = center + (isStore ? 8 : 5) - (note === undefined ? 0 : 8);
  const noteText = note === undefined ? '' : textAt('note', middle, baseline + 17, note);
  return `  ${shape}\n  ${textAt('name', middle, baseline, name)}${noteText}`;
}

/** Draws a cylinder. */
function storeShape({ x, y, width, height }: Frame): string {
  const lid = 5;
  const right = x + width;
  const arc = `${width / 2} ${lid} 0 0`;
  const outline = `M${x} ${y + lid}A${arc} 1 ${right} ${y + lid}V${y + height - lid}A${arc} 1 ${x} ${y + height - lid}Z`;
  const front = `M${x} ${y + lid}A${arc} 0 ${right} ${y + lid}`;
  return `<path class="box store" d="${outline}${front}"/>`;
}

function textAt(kind: string, x: number, y: number, text: string): string {
  return `<text class="${kind}" x="${x}" y="${y}">${escaped(text)}</text>`;
}

/** Draws a straight arrow, or one with a round corner where its ends are on sides of two directions. */
function drawnArrow({ from: [, fromSide], to: [, toSide], kind, label }: Arrow, from: Frame, to: Frame): string {
  const start = pointAt(from, fromSide);
  let tip = pointAt(to, toSide);
  const isVertical = (side: Side) => side === 'top' || side === 'bottom';
  let path: string;
  if (isVertical(fromSide) === isVertical(toSide)) {
    tip = isVertical(fromSide) ? [start[0], tip[1]] : [tip[0], start[1]];
    path = `M${start.join(' ')}L${tip.join(' ')}`;
  } else {
    const down = Math.sign(tip[1] - start[1]);
    const along = Math.sign(tip[0] - start[0]);
    const corner = `Q${start[0]} ${tip[1]} ${start[0] + along * CORNER} ${tip[1]}`;
    path = `M${start.join(' ')}V${tip[1] - down * CORNER}${corner}H${tip[0]}`;
  }
  const middle: Point = [(start[0] + tip[0]) / 2, (start[1] + tip[1]) / 2];
  const labelAt: Point = isVertical(toSide) ? [middle[0] + 34, middle[1] + 4] : [middle[0], middle[1] - 7];
  const labelText = label === undefined ? '' : textAt('label', ...labelAt, label);
  return `  <path class="arrow ${kind}" d="${path}"/>${head(kind, tip, toSide)}${labelText}`;
}

function pointAt({ x, y, width, height }: Frame, side: Side): Point {
  switch (side) {
    case 'top':
      return [x + width / 2, y];
    case 'bottom':
      return [x + width / 2, y + height];
    case 'left':
      return [x, y + height / 2];
    case 'right':
      return [x + width, y + height / 2];
  }
}

/** Draws the head of an arrow that ends at a side of a box. */
function head(kind: Arrow['kind'], [x, y]: Point, side: Side): string {
  const turns = { left: 0, top: 90, right: 180, bottom: 270 };
  return `<path class="head ${kind}" d="M1 0L-9 -4.5V4.5Z" transform="translate(${x} ${y}) rotate(${turns[side]})"/>`;
}

function drawnLegend({ at, arrows }: Source['legend']): string[] {
  const { x, y, height } = frameOf({ at, span: 1 });
  const top = y + height - (arrows.length - 1) * LEGEND.lineHeight - 4;
  return arrows.map(({ kind, label }, index) => {
    const middle = top + index * LEGEND.lineHeight;
    const tip = x + LEGEND.line;
    const text = textAt('note legend', tip + 10, middle + 4, label);
    return `  <path class="arrow ${kind}" d="M${x} ${middle}H${tip}"/>${head(kind, [tip, middle], 'left')}${text}`;
  });
}
