import { type DissectedLayer, dissect } from '../packet/index.ts';
import { packetTime } from '../tools/pcap/index.ts';
import { CaptureFile } from './capture.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { accessFile } from './files.ts';
import { frameOf } from './frames.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { packetFilter } from './packet-filter.ts';
import { grouped } from './table.ts';
import { toJson } from './values.ts';

/** A packet that is shown. */
interface Shown {
  /** Place in the capture, from 1 on. */
  readonly number: number;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly frame: Uint8Array;
  readonly layers: readonly DissectedLayer[];
}

/** `beeyard packet show`. Ends with 1 if a packet that was shown has a problem. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [path] = call.operands;
  const limit = call.count('limit', Number.POSITIVE_INFINITY, 1, 1e12);
  const holds = packetFilter(call.list('filter'));
  if (path !== '-') accessFile(path!, io);
  const capture = new CaptureFile(path!, io);
  const print = call.json ? new JsonLines(io, call.flag('pretty')) : textLines(call, io);
  let [seen, shown, broken] = [0, 0, 0];
  for await (const batch of capture.batches()) {
    for (let i = 0; i < batch.count && shown < limit; i++) {
      seen++;
      const frame = frameOf(batch, i, capture);
      const layers = dissect(frame);
      if (!holds(layers)) continue;
      shown++;
      if (layers.some(({ problems }) => problems.length > 0)) broken++;
      print.packet({ number: seen, time: packetTime(batch, i), frame, layers });
    }
    if (io.interrupt?.aborted || shown >= limit) break;
  }
  print.end({ seen, shown, broken });
  if (capture.problem) {
    io.err(`${styleFor(io.errorColor).warn('note:')} ${path}: ${capture.problem.message}\n`);
  }
  if (io.interrupt?.aborted) return EXIT.interrupted;
  return broken > 0 ? EXIT.finding : EXIT.ok;
}

interface Totals {
  readonly seen: number;
  readonly shown: number;
  readonly broken: number;
}

/** One line a packet, with `verbose` all fields below it. */
function textLines(call: CommandCall, io: CliIo) {
  const style = styleFor(io.color);
  const isVerbose = call.flag('verbose');
  let first: bigint | undefined;
  return {
    packet({ number, time, layers }: Shown): void {
      first ??= time;
      const since = (Number(time - first) / 1e9).toFixed(6);
      const names = protocolsOf(layers);
      const head = `${String(number).padStart(5)} ${style.dim(since.padStart(11))}`;
      io.out(
        `${head}  ${endsOf(layers)} ${style.accent(names)} ${detail(layers)}`.trimEnd() + '\n',
      );
      if (isVerbose) for (const layer of layers) io.out(layerLines(layer, style));
      else {
        for (const { protocol, problems } of layers) {
          for (const problem of problems) io.out(problemLine(`${protocol}: ${problem}`, style));
        }
      }
    },
    end({ seen, shown, broken }: Totals): void {
      const of = shown === seen ? '' : ` of ${grouped(seen)}`;
      io.out(`${grouped(shown)}${of} packets, ${grouped(broken)} with problems\n`);
    },
  };
}

const problemLine = (text: string, style: Style) => `        ${style.bad(`! ${text}`)}\n`;

/** '10.0.0.1:4000 → 10.0.0.2:53': of IP, or of the link where there is none. */
function endsOf(layers: readonly DissectedLayer[]): string {
  const ip = layers.findIndex(({ protocol }) => /^IPv[46]$/.test(protocol));
  const { values, protocol } = layers[Math.max(ip, 0)]!;
  if (values['source'] === undefined) return '?';
  const ports = ip < 0 ? undefined : layers.slice(ip).find(hasPorts)?.values;
  const end = (name: 'source' | 'destination') => {
    if (!ports) return `${values[name]}`;
    const port = ports[`${name}Port`];
    return protocol === 'IPv6' ? `[${values[name]}]:${port}` : `${values[name]}:${port}`;
  };
  return `${end('source')} → ${end('destination')}`;
}

const hasPorts = ({ values }: DissectedLayer): boolean => values['sourcePort'] !== undefined;

/** 'UDP BTH AETH': what is carried by IP, or what there is. */
function protocolsOf(layers: readonly DissectedLayer[]): string {
  const names = layers.map(({ protocol }) => protocol);
  const ip = names.findIndex((name) => /^IPv[46]$/.test(name));
  const inner = names.slice(ip < 0 ? 0 : ip + 1).filter((name) => !/^(data|padding)$/.test(name));
  return inner.join(' ');
}

/** What matters of the innermost headers. */
function detail(layers: readonly DissectedLayer[]): string {
  const words: string[] = [];
  for (const { protocol, fields } of layers) {
    for (const name of DETAILS[protocol] ?? []) {
      const field = fields.find((one) => one.name === name);
      if (field) words.push(name === 'opcode' ? field.text : `${name} ${field.text}`);
    }
  }
  const data = layers.findLast(({ protocol }) => protocol === 'data');
  return [...words, ...(data ? [`${data.end - data.start} bytes`] : [])].join(', ');
}

const DETAILS: Readonly<Record<string, readonly string[]>> = {
  TCP: ['flags', 'sequence'],
  BTH: ['opcode', 'queuePair', 'psn'],
  AETH: ['syndrome'],
  RETH: ['remoteKey', 'length'],
  AtomicETH: ['remoteKey'],
  DETH: ['sourceQueuePair'],
};

function layerLines(
  { protocol, start, end, fields, options, problems }: DissectedLayer,
  style: Style,
) {
  const head = `        ${style.bold(protocol)} ${style.dim(`bytes ${start} to ${end - 1}`)}\n`;
  const width = Math.max(0, ...fields.map(({ name }) => name.length));
  const rows = fields.map(
    ({ name, text }) => `          ${style.dim(name.padEnd(width))} ${text}\n`,
  );
  if (options !== undefined) rows.push(`          ${style.dim('options')} ${options}\n`);
  return [end > start ? head : `        ${style.bold(protocol)}\n`, ...rows]
    .concat(problems.map((problem) => problemLine(problem, style)))
    .join('');
}

/** Every field of every packet. */
class JsonLines {
  readonly #io: CliIo;
  readonly #pretty: boolean;
  #first = true;

  constructor(io: CliIo, pretty: boolean) {
    this.#io = io;
    this.#pretty = pretty;
  }

  packet({ number, time, frame, layers }: Shown): void {
    const row = {
      number,
      time: String(time),
      length: frame.length,
      summary: `${endsOf(layers)} ${protocolsOf(layers)}`,
      layers: layers.map(({ protocol, start, end, values, options, problems }) => ({
        protocol,
        start,
        end,
        values,
        ...(options === undefined ? {} : { options }),
        problems,
      })),
    };
    const text = toJson(row, this.#pretty);
    this.#io.out(`${this.#first ? '{"packets":[' : ','}\n${text}`);
    this.#first = false;
  }

  end({ seen, shown, broken }: Totals): void {
    const totals = toJson({ seen, shown, broken }, this.#pretty);
    this.#io.out(`${this.#first ? '{"packets":[' : ''}],\n"totals":${totals}}\n`);
  }
}
