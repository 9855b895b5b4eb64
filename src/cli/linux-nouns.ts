/** `--target linux`: programs, maps and links of the kernel this computer runs. */
import { errnoName, linkTypeName, mapTypeName, programTypeName } from '../abi/index.ts';
import { hexBytes, KernelError } from '../base/index.ts';
import { loadObject } from '../client/index.ts';
import {
  idsOf,
  Info,
  LinuxKernel,
  LinuxMap,
  openById,
  openLinux,
  specOf,
  type System,
  typesOf,
} from '../linux/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readBytes, readObject, writeBytes } from './files.ts';
import { parseGlobals } from './inputs.ts';
import type { CliIo } from './io.ts';
import type { Output } from './machine-file.ts';
import { entryJson, entryText, takeBytes } from './machine-map.ts';
import { toJson } from './values.ts';

type Kind = 'prog' | 'map' | 'link';
type Noun = (kernel: LinuxKernel, words: string[], call: CommandCall, io: CliIo) => Output;

const ROOM = 1 << 20;

const NOUNS: Readonly<Record<string, Noun>> = {
  'prog show': show('prog', programJson),
  'map show': show('map', mapJson),
  'link show': show('link', linkJson),
  'prog load': load,
  'prog run': run,
  'map dump': dump,
  'map lookup': onKey((map, key) => {
    const value = new Uint8Array(map.userValueSize);
    succeed(map.lookup(key, value), 'the key was not found');
    const shown = { spec: map.spec, perCpu: map.perCpu, btf: typesOfMap(map) };
    return { json: entryJson(shown, key, value), text: entryText(shown, key, value) };
  }),
  'map update': onKey((map, key, words) => {
    const value = takeBytes(words, 'value', map.spec.valueSize);
    const all = new Uint8Array(map.userValueSize);
    const step = map.perCpu ? all.length / map.system.cpus : Math.max(1, all.length);
    for (let at = 0; at < all.length; at += step) all.set(value, at);
    succeed(map.update(key, all), 'the map was not updated');
    return {};
  }),
  'map delete': onKey((map, key) => {
    succeed(map.delete(key), 'the key was not deleted');
    return {};
  }),
};

/** Does a noun's command on this computer's kernel. An errno of the kernel ends it with 1. */
export async function runOnLinux(call: CommandCall, io: CliIo): Promise<number> {
  const name = call.command.path.join(' ');
  const noun = NOUNS[name];
  if (!noun) {
    const list = Object.keys(NOUNS).join(', ');
    throw usageError(`'${name}' has no --target linux (there is: ${list})`);
  }
  if (call.text('machine') !== undefined)
    throw usageError('--machine and --target exclude each other');
  const { kernel } = await openLinux().catch(asMissing);
  const output = noun(kernel as LinuxKernel, [...call.operands], call, io);
  if (call.json) io.out(`${toJson(output.json ?? null, call.flag('pretty'))}\n`);
  else if (output.text) io.out(output.text);
  return EXIT.ok;
}

/** What this computer lacks: exit codes 5 (rights) and 4. */
function asMissing(error: unknown): never {
  if (!(error instanceof KernelError)) throw error;
  const code = error.code === 'EPERM' ? EXIT.privilege : EXIT.missing;
  throw new CliError(code, error.message, undefined, { cause: error });
}

function succeed(result: number, what: string): void {
  if (result < 0) throw new KernelError(errnoName(result), -result, what);
}

/** File descriptors of what `id N`, `name NAME`, `tag TAG` or `pinned PATH` says. */
function take({ system }: LinuxKernel, kind: Kind, words: string[]): number[] {
  const [way, value] = words.splice(0, 2);
  if (value === undefined) {
    throw usageError(`a ${kind} is: id N, name NAME, tag TAG or pinned PATH`);
  }
  if (way === 'pinned') {
    const fd = system.bpf.objGet({ pathname: value });
    succeed(fd, `there is no ${kind} at ${value}`);
    return [fd];
  }
  const open = (id: number): number => openById(system, kind, id);
  if (way === 'id') return [open(Number(value))];
  if (way !== 'name' && way !== 'tag') {
    throw usageError(`'${way}' is none of: id, name, tag, pinned`);
  }
  return idsOf(system, kind)
    .map(open)
    .filter((fd) => {
      const info = new Info(system, fd, kind);
      if (kind === 'link') return false;
      if (way === 'tag') return kind === 'prog' && hexBytes(info.slice('tag')) === value;
      return info.text('name') === value.slice(0, 15);
    });
}

function takeOne(kernel: LinuxKernel, kind: Kind, words: string[]): number {
  const said = words.slice(0, 2).join(' ');
  const [fd, other] = take(kernel, kind, words);
  if (fd !== undefined && other === undefined) return fd;
  const count = fd === undefined ? 'no' : 'more than one';
  throw new KernelError('ENOENT', 2, `there is ${count} ${kind} with ${said}`);
}

/** As bpftool, one that was asked for alone is no list. */
function show(kind: Kind, jsonOf: (info: Info, system: System) => Record<string, unknown>): Noun {
  return (kernel, words) => {
    const { system } = kernel;
    const single = words.length > 0;
    const fds = single
      ? take(kernel, kind, words)
      : idsOf(system, kind).map((id) => openById(system, kind, id));
    const found = fds.map((fd) => jsonOf(new Info(system, fd, kind), system));
    const text = found.map(({ id, type, ...rest }) => `${id}: ${type}${lineOf(rest)}\n`).join('');
    return { json: single && found.length === 1 ? found[0] : found, text };
  };
}

const lineOf = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([name, value]) => `  ${name} ${String(value)}`)
    .join('');

function programJson(info: Info) {
  return {
    id: info.number('id'),
    type: programTypeName(info.number('type')),
    ...(info.text('name') !== '' && { name: info.text('name') }),
    tag: hexBytes(info.slice('tag')),
    loaded_at: Math.floor(info.number('load_time') / 1e9),
    uid: info.number('created_by_uid'),
    bytes_xlated: info.number('xlated_prog_len'),
    jited: info.number('jited_prog_len') > 0,
    ...(info.number('btf_id') !== 0 && { btf_id: info.number('btf_id') }),
  };
}

function mapJson(info: Info) {
  return {
    id: info.number('id'),
    type: mapTypeName(info.number('type')),
    ...(info.text('name') !== '' && { name: info.text('name') }),
    flags: info.number('map_flags'),
    bytes_key: info.number('key_size'),
    bytes_value: info.number('value_size'),
    max_entries: info.number('max_entries'),
    ...(info.number('btf_id') !== 0 && { btf_id: info.number('btf_id') }),
  };
}

function linkJson(info: Info) {
  return {
    id: info.number('id'),
    type: linkTypeName(info.number('type')),
    prog_id: info.number('prog_id'),
  };
}

/** `prog load OBJ PATH`: the first program, pinned; maps that are not pinned leave with it. */
function load(kernel: LinuxKernel, words: string[], call: CommandCall, io: CliIo): Output {
  const [file, path] = words;
  if (words.length > 2) throw usageError(`'prog load' on Linux does not know '${words[2]}'`);
  const object = readObject(file!, io);
  const first = object.programs.find(({ autoload }) => autoload !== false);
  if (!first) throw usageError(`${file}: there is no program`);
  const globals = parseGlobals(call.list('global'), object);
  const loaded = loadObject(kernel, object, { globals, programs: [first.name] });
  kernel.pin(path!, loaded.programs.get(first.name) as unknown as { readonly fd: number });
  return {};
}

/** `prog run PROG data_in FILE [data_out FILE] [repeat N]` */
function run(kernel: LinuxKernel, words: string[], _call: CommandCall, io: CliIo): Output {
  const progFd = takeOne(kernel, 'prog', words);
  const given = new Map<string, string>();
  while (words.length > 0) {
    const [name = '', value] = words.splice(0, 2);
    if (!['data_in', 'data_out', 'repeat'].includes(name) || value === undefined) {
      throw usageError("'prog run' on Linux takes data_in, data_out, repeat, each with a value");
    }
    given.set(name, value);
  }
  const dataIn = given.has('data_in') ? readBytes(given.get('data_in')!, io) : undefined;
  const dataOut = new Uint8Array(ROOM);
  const attr = {
    progFd,
    ...(dataIn && { dataIn, dataSizeIn: dataIn.length, dataOut, dataSizeOut: ROOM }),
    repeat: Number(given.get('repeat') ?? 1),
    retval: 0,
    duration: 0,
  };
  succeed(kernel.system.bpf.progTestRun(attr), 'the program was not run');
  const size = attr.dataSizeOut ?? 0;
  if (given.has('data_out')) writeBytes(given.get('data_out')!, dataOut.subarray(0, size), io);
  const { retval, duration } = attr;
  const text = `Return value: ${retval}, duration (average): ${duration}ns\n`;
  return { json: { retval, duration }, text };
}

function takeMap(kernel: LinuxKernel, words: string[]): LinuxMap {
  const fd = takeOne(kernel, 'map', words);
  return new LinuxMap(kernel.system, fd, specOf(kernel.system, fd));
}

const typesOfMap = ({ system, fd }: LinuxMap) => {
  const btf = typesOf(system, new Info(system, fd, 'map').number('btf_id'));
  return btf && { btf };
};

function onKey(work: (map: LinuxMap, key: Uint8Array, words: string[]) => Output): Noun {
  return (kernel, words) => {
    const map = takeMap(kernel, words);
    const output = work(map, takeBytes(words, 'key', map.spec.keySize), words);
    if (words.length > 0) throw usageError(`'${words[0]}' is one word too many`);
    return output;
  };
}

function dump(kernel: LinuxKernel, words: string[]): Output {
  const map = takeMap(kernel, words);
  const shown = { spec: map.spec, perCpu: map.perCpu, btf: typesOfMap(map) };
  const entries: [Uint8Array, Uint8Array][] = [];
  const next = new Uint8Array(map.spec.keySize);
  for (let key: Uint8Array | undefined; map.nextKey(key, next) === 0; ) {
    key = next.slice();
    const value = new Uint8Array(map.userValueSize);
    if (map.lookup(key, value) === 0) entries.push([key, value]);
  }
  const text = entries.map(([key, value]) => entryText(shown, key, value)).join('');
  return {
    json: entries.map(([key, value]) => entryJson(shown, key, value)),
    text: `${text}Found ${entries.length} element${entries.length === 1 ? '' : 's'}\n`,
  };
}
