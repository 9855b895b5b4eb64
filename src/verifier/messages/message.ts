/**
 * Every word the verifier says is a `Message`: a stable code, the kernel's text, and the values in
 * it. The texts of an area stand once, in one file of this folder, as a table of functions.
 */

/** One line (or more) of the log, as data. */
export interface Message {
  /** Stable: 'mem.not_readable'. Tools may rely on it; the text may change with the kernel. */
  readonly code: string;
  /** The kernel's words, without the line feed at their end. */
  readonly text: string;
  /** What was put into the text. */
  readonly args: readonly unknown[];
}

type TextTable = Record<string, (...args: never[]) => string>;

/** A table of texts turned into makers of messages. */
export type MessageTable<T extends TextTable> = {
  readonly [K in keyof T]: (...args: Parameters<T[K]>) => Message;
};

/**
 * Makes the messages of one area. The code of `defineMessages('stack', { out_of_bounds: … })` is
 * 'stack.out_of_bounds'.
 *
 * @example
 * export const regs = defineMessages('reg', { not_readable: (reg: number) => `R${reg} !read_ok` });
 * env.reject('EACCES', regs.not_readable(2));
 */
export function defineMessages<T extends TextTable>(area: string, texts: T): MessageTable<T> {
  const table: Record<string, (...args: never[]) => Message> = {};
  for (const [key, text] of Object.entries(texts)) {
    const code = `${area}.${key}`;
    table[key] = (...args) => ({ code, text: text(...args), args });
  }
  return table as MessageTable<T>;
}
