import { signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';

/** The path that is shown. */
export const path = signal(location.pathname);

addEventListener('popstate', () => {
  path.value = location.pathname;
});

/** Shows another path, from its beginning: nothing is loaded anew. */
export function go(to: string): void {
  history.pushState(null, '', to);
  path.value = to;
  scrollTo(0, 0);
}

/** A link within the page. */
export function Link({
  to,
  ...rest
}: {
  to: string;
  class?: string;
  'aria-current'?: 'page' | undefined;
  children: ComponentChildren;
}): JSX.Element {
  function follow(event: MouseEvent): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return; // a new tab
    event.preventDefault();
    go(to);
  }
  return <a href={to} onClick={follow} {...rest} />;
}
