import { readFile, writeFile } from 'node:fs/promises';
import { format } from 'prettier';
import type { Strategy, StrategyRace } from '../races/race.js';
import { number } from './table.js';

const begin = '<!-- figures: written by npm run bench -->';
const end = '<!-- end of figures -->';

interface Language {
  readonly file: string;
  readonly names: Readonly<Record<Strategy, string>>;
  readonly headings: readonly [string, string, string, string, string];
  readonly race: (tickets: string, buyers: string) => string;
}

const languages: readonly Language[] = [
  {
    file: 'overselling.md',
    names: {
      'read-check-write': 'read, check, write',
      'select-for-update': 'lock, then read (`SELECT … FOR UPDATE`)',
      'conditional-update': 'conditional update',
      'redis+queue': 'Redis with a queue (Sluice)',
    },
    headings: [
      'way to sell',
      'tickets oversold',
      'orders a second',
      'half of the buyers waited at most',
      '99 of 100 waited at most',
    ],
    race: (tickets, buyers) => `**${tickets} tickets, ${buyers} buyers**`,
  },
  {
    file: 'overselling.zh-TW.md',
    names: {
      'read-check-write': '先讀、再檢查、後寫入',
      'select-for-update': '先鎖定再讀取（`SELECT … FOR UPDATE`）',
      'conditional-update': '條件式更新',
      'redis+queue': 'Redis 加佇列（Sluice）',
    },
    headings: ['賣法', '超賣張數', '每秒訂單數', '一半的買家最多等待', '每 100 位中有 99 位最多等待'],
    race: (tickets, buyers) => `**${tickets} 張票，${buyers} 位買家**`,
  },
];

/** Puts the strategies' figures into both pages, between their marks. @throws Error where a page has lost its marks */
export async function updateOversellingPages(races: readonly StrategyRace[]): Promise<void> {
  for (const language of languages) {
    const file = new URL(`../../docs/${language.file}`, import.meta.url);
    const page = await readFile(file, 'utf8');
    const from = page.indexOf(begin);
    const to = page.indexOf(end);
    if (from < 0 || to < from) throw new Error(`docs/${language.file} has lost the marks of its figures`);
    const updated = `${page.slice(0, from)}${begin}\n\n${tables(language, races)}\n\n${page.slice(to)}`;
    await writeFile(file, await format(updated, { parser: 'markdown', printWidth: 120 }));
  }
}

function tables({ names, headings, race: titleOf }: Language, races: readonly StrategyRace[]): string {
  const sizes = [...new Set(races.map(({ tickets }) => tickets))];
  return sizes
    .map((size) => {
      const shown = races.filter(({ tickets }) => tickets === size);
      const rows = shown.map(({ strategy, oversold, ordersPerSecond, p50Ms, p99Ms }) => [
        names[strategy],
        number(oversold),
        number(ordersPerSecond),
        `${number(p50Ms)} ms`,
        `${number(p99Ms)} ms`,
      ]);
      const lines = [[...headings], ['---', '---:', '---:', '---:', '---:'], ...rows].map(
        (row) => `| ${row.join(' | ')} |`,
      );
      return `${titleOf(number(size), number(shown[0]?.buyers ?? 0))}\n\n${lines.join('\n')}`;
    })
    .join('\n\n');
}
