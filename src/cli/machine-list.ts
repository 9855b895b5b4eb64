/** `machine show` and `machine list`: what machines in files are. */
import { openSync, readdirSync, readSync, closeSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { resumeMachine } from '../machine/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { fileError, readBytes } from './files.ts';
import type { CliIo } from './io.ts';
import { toJson } from './values.ts';

const MAGIC = 'BEEYARD\n';

/** `machine show FILE` */
export async function show(call: CommandCall, io: CliIo): Promise<number> {
  const path = call.operands[0]!;
  const bytes = readBytes(path, io);
  const { machine, network } = await resumeMachine(bytes);
  const { objects, settings } = machine;
  const namespaces = network.namespaceNames.map((name) => {
    const { devices, sockets } = network.namespace(name);
    return { name, devices: [...devices.keys()], sockets: sockets.size };
  });
  const json = {
    file: path,
    bytes: bytes.length,
    kernel: settings.rules?.version ?? null,
    engine: settings.engine.name,
    cpus: machine.cpus,
    clock_ns: Number(machine.clock),
    programs: objects.programs.size,
    maps: objects.maps.size,
    links: objects.links.size,
    timers: machine.armedTimers,
    memory_bytes: machine.runtime.u8().length,
    namespaces,
  };
  io.out(call.json ? `${toJson(json, call.flag('pretty'))}\n` : textOf(json));
  return EXIT.ok;
}

interface Shown {
  readonly file: string;
  readonly bytes: number;
  readonly kernel: string | null;
  readonly engine: string;
  readonly cpus: number;
  readonly clock_ns: number;
  readonly programs: number;
  readonly maps: number;
  readonly links: number;
  readonly timers: number;
  readonly namespaces: readonly {
    readonly name: string;
    readonly devices: readonly string[];
    readonly sockets: number;
  }[];
}

function textOf(one: Shown): string {
  const follows = one.kernel === null ? 'nothing is verified' : `Linux ${one.kernel}`;
  const lines = [
    `${one.file}: ${follows}, ${one.engine}, ${one.cpus} CPU${one.cpus === 1 ? '' : 's'}, ` +
      `${(one.clock_ns / 1e9).toFixed(9)} s, ${one.bytes} bytes`,
    `  ${one.programs} programs, ${one.maps} maps, ${one.links} links, ${one.timers} timers armed`,
    ...one.namespaces.map(({ name, devices, sockets }) => {
      const where = name === '' ? '(the machine)' : name;
      return `  ${where}: ${devices.join(' ')}${sockets > 0 ? `, ${sockets} sockets` : ''}`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

/** `machine list [DIR]`: files that are machines. */
export async function list(call: CommandCall, io: CliIo): Promise<number> {
  const folder = call.operands[0] ?? '.';
  const found = namesIn(folder, io).filter((name) => isMachine(resolve(io.cwd, folder, name)));
  const json = found.map((name) => {
    const file = folder === '.' ? name : join(folder, name);
    return { file, bytes: statSync(resolve(io.cwd, folder, name)).size };
  });
  if (call.json) io.out(`${toJson(json, call.flag('pretty'))}\n`);
  else io.out(json.map(({ file, bytes }) => `${file}  ${bytes} bytes\n`).join(''));
  return EXIT.ok;
}

function namesIn(folder: string, io: CliIo): string[] {
  try {
    const all = readdirSync(resolve(io.cwd, folder), { withFileTypes: true });
    return all.filter((one) => one.isFile()).map(({ name }) => name);
  } catch (error) {
    throw fileError(folder, error);
  }
}

function isMachine(path: string): boolean {
  const head = Buffer.alloc(MAGIC.length);
  try {
    const file = openSync(path, 'r');
    try {
      readSync(file, head, 0, MAGIC.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
  return head.toString('latin1') === MAGIC;
}
