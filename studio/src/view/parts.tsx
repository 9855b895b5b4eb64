/** Small things that every screen has. */
import type { ComponentChildren } from 'preact';
import { notice } from '../store.ts';

export function Pane(props: {
  readonly title: string;
  readonly extra?: ComponentChildren;
  readonly class?: string;
  /** Its contents are longer than it is: the keyboard must reach it. */
  readonly scrolls?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    <section class={`pane ${props.class ?? ''}`} aria-label={props.title}>
      <header class="pane-head">
        <h2>{props.title}</h2>
        {props.extra}
      </header>
      <div class="pane-body" tabIndex={props.scrolls ? 0 : undefined}>
        {props.children}
      </div>
    </section>
  );
}

/** Puts a text on the clipboard, and says so. */
export function Copy(props: {
  readonly label: string;
  readonly text: () => string | Promise<string>;
}) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(await props.text());
      notice.value = `${props.label}: copied`;
    } catch {
      notice.value = 'the browser does not allow to copy here';
    }
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      {props.label}
    </button>
  );
}

/** Gives a file to the browser to keep. */
export function download(name: string, contents: Uint8Array | string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([contents as BlobPart]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
  notice.value = `${name}: downloaded`;
}

export function Empty(props: { readonly children: ComponentChildren }) {
  return <p class="empty">{props.children}</p>;
}

/** 'once', '12,345 times' */
export const times = (n: number): string => (n === 1 ? 'once' : `${grouped(n)} times`);

/** Thousands apart: 12,345 */
export const grouped = (n: number): string => n.toLocaleString('en-US');

export const Changed = () => (
  <span class="dot">
    <span aria-hidden="true"> ●</span>
    <span class="hidden"> changed</span>
  </span>
);

/** A number in the margin; a click sets a breakpoint (for the keyboard there are `b` and `B`). */
export function StopNumber(props: {
  readonly number: number | undefined;
  readonly isStop: boolean;
  readonly onStop: (() => void) | undefined;
}) {
  const { number, isStop, onStop } = props;
  return (
    <span
      class={`number ${isStop ? 'stop' : ''} ${onStop ? 'stoppable' : ''}`}
      onClick={(event) => {
        if (!onStop) return;
        event.stopPropagation();
        onStop();
      }}
    >
      {isStop && <span class="hidden">breakpoint </span>}
      {number}
    </span>
  );
}
