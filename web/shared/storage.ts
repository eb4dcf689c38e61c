/** A browser may forbid storage; the page then works until it is closed. */
function keeper(storage: () => Storage): {
  read: (key: string) => unknown;
  write: (key: string, value: unknown) => void;
} {
  return {
    /** null: nothing there */
    read(key) {
      try {
        return JSON.parse(storage().getItem(key) ?? 'null') as unknown;
      } catch {
        return null;
      }
    },
    /** null forgets */
    write(key, value) {
      try {
        if (value === null) storage().removeItem(key);
        else storage().setItem(key, JSON.stringify(value));
      } catch {
        // nothing to do about it
      }
    },
  };
}

/** Lives as long as the tab. */
export const tabStorage = keeper(() => sessionStorage);
/** Lives until the browser's data are cleared. */
export const deviceStorage = keeper(() => localStorage);
