/** The source of a program. */
import type { FixedLine } from '../model/fixes.ts';
import type { SourceLine } from '../model/source.ts';
import { lineStop } from '../model/stops.ts';
import { List } from './list.tsx';
import { Empty, StopNumber } from './parts.tsx';

interface SourceProps {
  readonly lines: readonly FixedLine[];
  /** 'file:line' that is looked at. */
  readonly at: string;
  readonly bad?: string | undefined;
  readonly heat?: ReadonlyMap<string, number> | undefined;
  readonly onSelect: (insn: number) => void;
  readonly stops?: readonly string[];
  readonly onStop?: (line: SourceLine) => void;
}

const keyOf = ({ file, line }: FixedLine): string => `${file}:${line}`;

export function Source(props: SourceProps) {
  const { lines, at, bad, heat, onSelect, stops, onStop } = props;
  if (lines.length === 0) return <Empty>The object has no source lines: compile with -g.</Empty>;
  const classOf = (i: number): string => {
    const line = lines[i]!;
    const key = keyOf(line);
    const dead = heat && line.insn !== undefined && !heat.get(key) ? 'dead' : '';
    const isBad = key === bad && line.change === undefined;
    const look = [line.insn === undefined && 'plain', dead, isBad && 'bad', line.change];
    return look.filter(Boolean).join(' ');
  };
  return (
    <List
      id="line"
      label="Source lines"
      count={lines.length}
      selected={lines.findIndex((line) => keyOf(line) === at)}
      onSelect={(i) => {
        const next = lines.slice(i).find(({ insn }) => insn !== undefined);
        if (next) onSelect(next.insn!);
      }}
      rowClass={classOf}
    >
      {(i) => {
        const line = lines[i]!;
        const count = heat?.get(keyOf(line));
        return (
          <>
            {heat && <span class="line-heat">{count ? `${count}×` : ''}</span>}
            <StopNumber
              number={line.change === 'added' ? undefined : line.line}
              isStop={stops?.includes(lineStop(line)) === true}
              onStop={line.insn === undefined ? undefined : onStop && (() => onStop(line))}
            />
            {line.change && <span class="mark">{line.change === 'added' ? '+' : '−'}</span>}
            <code class="source-text">{coloured(line.text)}</code>
          </>
        );
      }}
    </List>
  );
}

const WORDS =
  /(\/\/.*$|\/\*.*?\*\/|"[^"]*")|\b(if|else|for|while|do|return|struct|static|const|volatile|void|int|long|char|sizeof|switch|case|break|continue|goto|__u8|__u16|__u32|__u64|__always_inline)\b|\b(0x[\da-fA-F]+|\d+)\w*\b/g;

/** Words of C told apart; a comment over several lines stays as it is. */
function coloured(text: string) {
  const parts: (string | preact.JSX.Element)[] = [];
  let end = 0;
  for (const match of text.matchAll(WORDS)) {
    parts.push(text.slice(end, match.index));
    const kind = match[1] ? 'quiet-word' : match[2] ? 'keyword' : 'number-word';
    parts.push(<span class={kind}>{match[0]}</span>);
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}
