/** A list of any length of which only what is seen is drawn. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { scrollFor, windowOf } from '../model/window.ts';

export const ROW = 22;

interface ListProps {
  readonly label: string;
  readonly id: string;
  readonly count: number;
  /** Row that is selected and kept in sight; -1: none. */
  readonly selected: number;
  readonly onSelect?: (row: number) => void;
  /** Told of what is drawn, so that it can be asked for. */
  readonly onWindow?: (first: number, last: number) => void;
  readonly rowClass?: (row: number) => string;
  readonly children: (row: number) => ComponentChildren;
}

/** Rows of one height. Keys of the list itself move the selection by one, a page, or to an end. */
export function List(props: ListProps) {
  const { label, id, count, selected, onSelect, rowClass, children } = props;
  const box = useRef<HTMLDivElement>(null);
  const scroll = useSignal(0);
  const height = useSignal(600);
  useEffect(() => {
    const element = box.current!;
    const sized = new ResizeObserver(() => (height.value = element.clientHeight));
    sized.observe(element);
    return () => sized.disconnect();
  }, []);
  useEffect(() => {
    const element = box.current!;
    if (selected < 0 || selected >= count) return;
    const to = scrollFor(selected, count, ROW, element.scrollTop, element.clientHeight);
    if (to !== undefined) element.scrollTop = to;
  }, [selected, count]);
  const { first, last, top, height: tall } = windowOf(count, ROW, scroll.value, height.value);
  useEffect(() => props.onWindow?.(first, last), [first, last, count]);
  const rows = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
  const isDrawn = selected >= first && selected < last;
  return (
    <div
      class="list"
      ref={box}
      role="listbox"
      aria-label={label}
      aria-activedescendant={isDrawn ? `${id}-${selected}` : undefined}
      tabIndex={0}
      onScroll={({ currentTarget }) => (scroll.value = currentTarget.scrollTop)}
      onKeyDown={(event) => {
        const to = targetOf(event.key, selected, count, Math.floor(height.value / ROW));
        if (to === undefined || !onSelect) return;
        event.preventDefault();
        event.stopPropagation();
        onSelect(to);
      }}
    >
      <div role="presentation" style={{ height: `${tall}px`, position: 'relative' }}>
        <div role="presentation" class="rows" style={{ transform: `translateY(${top}px)` }}>
          {rows.map((row) => (
            <div
              key={row}
              id={`${id}-${row}`}
              role="option"
              aria-selected={row === selected}
              aria-posinset={row + 1}
              aria-setsize={count}
              class={`row ${row === selected ? 'selected' : ''} ${rowClass?.(row) ?? ''}`}
              onClick={() => onSelect?.(row)}
            >
              {children(row)}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

function targetOf(key: string, at: number, count: number, page: number): number | undefined {
  const moves: Readonly<Record<string, number>> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: count - 1,
  };
  const to = moves[key];
  return to === undefined ? undefined : Math.max(0, Math.min(count - 1, to));
}
