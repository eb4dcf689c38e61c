import { DomainError } from '../domain/index.js';

/** Many who ask at once share one read, but nobody is given one that began before he asked: what he saw elsewhere may be newer. */
export class SharedReads<T> {
  private readonly reads = new Map<string, { readonly current: Promise<T>; next?: Promise<T> }>();

  get(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.reads.get(key);
    if (known === undefined) return this.begin(key, read);
    known.next ??= known.current.then(() => undefined, passOn).then(() => this.begin(key, read));
    return known.next;
  }

  private begin(key: string, read: () => Promise<T>): Promise<T> {
    const current = read();
    const entry = { current };
    this.reads.set(key, entry);
    const end = (): void => {
      if (this.reads.get(key) === entry) this.reads.delete(key);
    };
    current.then(end, end);
    return current;
  }
}

/** A server that did not answer the others is not asked again by those who waited meanwhile: they have waited long enough. */
function passOn(error: unknown): void {
  if (error instanceof DomainError && error.code === 'unavailable') throw error;
}
