/** Colours that can be read on a white and on a dark page, from the palette of Okabe and Ito (told apart by the colour-blind too). */
export const colours = ['#0072b2', '#e69f00', '#009e73', '#d55e00'] as const;

const style = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .faint { fill: #59636e }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    .grid { stroke: #3d444d }
  }`;

/** A picture of its own, without a background: it takes the page's. @param alt what it shows, for who cannot see it */
export function svg(width: number, height: number, alt: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(alt)}">
<style>${style}
</style>
${parts.join('\n')}
</svg>
`;
}

export interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly class?: 'title' | 'faint';
}

export function text(x: number, y: number, content: string, options: TextOptions = {}): string {
  const { anchor = 'start' } = options;
  const name = options.class === undefined ? '' : ` class="${options.class}"`;
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}"${name}>${escaped(content)}</text>`;
}

export function bar(x: number, y: number, width: number, height: number, colour: string): string {
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="2" fill="${colour}"/>`;
}

export function gridLine(x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="grid" x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}"/>`;
}

export function line(points: readonly (readonly [number, number])[], colour: string): string {
  const list = points.map(([x, y]) => `${at(x)},${at(y)}`).join(' ');
  return `<polyline points="${list}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`;
}

/** A round number at or above the value: 1, 2, 2.5 or 5 times a power of ten. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= value * 0.999) ?? 10) * power;
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(content: string): string {
  return content.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
