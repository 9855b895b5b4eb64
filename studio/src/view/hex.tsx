/** Bytes in rows of hex digits. */
import { byteChanges } from '../model/changes.ts';
import type { ByteRange } from '../model/look.ts';
import { hexWords } from '../model/values.ts';

interface HexProps {
  readonly title: string;
  readonly note: string;
  readonly bytes: Uint8Array;
  readonly before: Uint8Array | undefined;
  readonly label: (at: number) => string;
  /** Rows of zeros as well. */
  readonly whole?: boolean;
  readonly selected?: ByteRange | undefined;
}

const WIDTH = 16;

export function HexBytes({ title, note, bytes, before, label, whole, selected }: HexProps) {
  const changed = before ? byteChanges(bytes, before) : new Set<number>();
  const starts = Array.from({ length: Math.ceil(bytes.length / WIDTH) }, (_, i) => i * WIDTH);
  const shown = starts.filter(
    (at) => whole || bytes.subarray(at, at + WIDTH).some((byte) => byte !== 0),
  );
  const isSelected = (at: number): boolean =>
    selected !== undefined && at >= selected.at && at < selected.at + selected.length;
  return (
    <table class="bytes">
      <caption>
        {title} <span class="note">{note}</span>
      </caption>
      <tbody>
        {shown.map((at) => (
          <tr key={at}>
            <th scope="row">{label(at)}</th>
            <td>{hexRow(bytes.subarray(at, at + WIDTH), at, changed, isSelected)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function hexRow(
  bytes: Uint8Array,
  start: number,
  changed: ReadonlySet<number>,
  isSelected: (at: number) => boolean,
) {
  const indices = Array.from(bytes, (_, i) => start + i);
  if (!indices.some((i) => changed.has(i) || isSelected(i))) return <code>{hexWords(bytes)}</code>;
  return (
    <code>
      {Array.from(bytes, (byte, i) => {
        const [at, text] = [start + i, `${hexWords([byte])} `];
        const inner = changed.has(at) ? <mark key={i}>{text}</mark> : text;
        return isSelected(at) ? (
          <span class="picked" key={i}>
            {inner}
          </span>
        ) : (
          inner
        );
      })}
    </code>
  );
}
