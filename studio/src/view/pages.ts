/** Rows that the worker has, fetched page by page as they come into sight. */
import { signal } from '@preact/signals';
import { useMemo } from 'preact/hooks';

const PAGE = 200;

export interface Pages<T> {
  row(i: number): T | undefined;
  want(first: number, last: number): void;
}

/** `key`: what the rows are of; another one begins afresh. */
export function usePages<T>(
  key: string,
  fetchRows: (from: number, to: number) => Promise<readonly T[]>,
): Pages<T> {
  return useMemo(() => pagesOf(fetchRows), [key]);
}

function pagesOf<T>(fetchRows: (from: number, to: number) => Promise<readonly T[]>): Pages<T> {
  const pages = new Map<number, readonly T[]>();
  const asked = new Set<number>();
  const version = signal(0);
  const ask = async (page: number): Promise<void> => {
    asked.add(page);
    try {
      pages.set(page, await fetchRows(page * PAGE, (page + 1) * PAGE));
      version.value++;
    } catch {
      // Asked again when it comes into sight the next time.
      asked.delete(page);
    }
  };
  return {
    row(i) {
      return version.value >= 0 ? pages.get(Math.floor(i / PAGE))?.[i % PAGE] : undefined;
    },
    want(first, last) {
      for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) {
        if (!asked.has(page)) void ask(page);
      }
    },
  };
}
