import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { deviceStorage } from './storage.js';

export const languages = { en: 'English', 'zh-Hant': '繁體中文' } as const;
export type Language = keyof typeof languages;

const key = 'sluice.language';

/** How this visitor writes English: days before months, or after. */
const english = navigator.languages.find((tag) => tag.startsWith('en')) ?? 'en';

/** What the visitor chose, or else the first language of the browser's that we have. */
export const language = signal<Language>((deviceStorage.read(key) as Language | null) ?? preferred());

const locale = computed(() => (language.value === 'en' ? english : 'zh-Hant-TW'));

effect(() => {
  document.documentElement.lang = language.value;
});

export function choose(chosen: Language): void {
  language.value = chosen;
  deviceStorage.write(key, chosen);
}

/** The words of one page, in the language chosen. */
export function wordsIn<T>(dictionaries: Readonly<Record<Language, T>>): ReadonlySignal<T> {
  return computed(() => dictionaries[language.value]);
}

/** 4500, EUR → €45.00 */
export function money(minor: number, currency: string): string {
  const format = new Intl.NumberFormat(locale.value, { style: 'currency', currency });
  return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

export function number(value: number): string {
  return value.toLocaleString(locale.value);
}

export function dateTime(time: string): string {
  const options = { dateStyle: 'medium', timeStyle: 'short' } as const;
  return new Date(time).toLocaleString(locale.value, options);
}

/** 90000 → 01:30; 4000000 → 1:06:40; days are hours. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const pad = (n: number): string => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours > 0 ? `${hours}:` : ''}${pad(minutes)}:${pad(seconds % 60)}`;
}

function preferred(): Language {
  for (const tag of navigator.languages) {
    if (tag.startsWith('zh')) return 'zh-Hant';
    if (tag.startsWith('en')) return 'en';
  }
  return 'en';
}
