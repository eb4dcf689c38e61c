import { type ReadonlySignal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { Refusal } from '../shared/http.js';
import type { Page } from './model.js';
import { api } from './session.js';

/** What was asked for. `value` stays when asking again fails. */
export interface Loaded<T> {
  readonly value: T | null;
  readonly refusal: Refusal | null;
}

/** Asks for something once, and whenever it is told to. */
export class Source<T> {
  private readonly loaded = signal<Loaded<T>>({ value: null, refusal: null });
  private asked = 0;

  constructor(private readonly ask: () => Promise<T>) {}

  get state(): ReadonlySignal<Loaded<T>> {
    return this.loaded;
  }

  set(value: T): void {
    this.asked++; // what is under way is older
    this.loaded.value = { value, refusal: null };
  }

  async again(): Promise<void> {
    const asked = ++this.asked;
    try {
      const value = await this.ask();
      if (asked === this.asked) this.set(value);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (asked === this.asked) this.loaded.value = { ...this.loaded.value, refusal: error };
    }
  }
}

/** The answer of the API at this path. */
export function useAnswer<T>(path: string): Source<T> {
  return useSource(path, () => new Source(() => api<T>(path)));
}

/** A list of the API, of which more can be had. */
export class List<T> extends Source<Page<T>> {
  constructor(private readonly path: string) {
    super(() => api<Page<T>>(path));
  }

  async more(): Promise<void> {
    const { value } = this.state.value;
    if (typeof value?.nextCursor !== 'string') return;
    const mark = this.path.includes('?') ? '&' : '?';
    const next = await api<Page<T>>(`${this.path}${mark}cursor=${value.nextCursor}`);
    if (this.state.value.value === value) this.set({ ...next, data: [...value.data, ...next.data] });
  }
}

export function useList<T>(path: string): List<T> {
  return useSource(path, () => new List<T>(path));
}

function useSource<S extends Source<unknown>>(path: string, make: () => S): S {
  const source = useMemo(make, [path]);
  useEffect(() => {
    void source.again();
  }, [source]);
  return source;
}
