import { signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';

/** The path that is shown. */
export const path = signal(location.pathname);

addEventListener('popstate', () => {
  path.value = location.pathname;
});

/** A link within the page: nothing is loaded anew. */
export function Link({ to, ...rest }: { to: string; class?: string; children: ComponentChildren }): JSX.Element {
  function go(event: MouseEvent): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return; // a new tab
    event.preventDefault();
    history.pushState(null, '', to);
    path.value = to;
    scrollTo(0, 0);
  }
  return <a href={to} onClick={go} {...rest} />;
}
