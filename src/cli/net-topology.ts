/** The file that says how a simulated network looks: JSON, or a module. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BtfInput } from '../btf/index.ts';
import type { Host, MapOf, Program } from '../client/index.ts';
import type { NamespaceOptions, NeighbourOptions, RouteOptions } from '../kernel/index.ts';
import type { MachineOptions } from '../machine/index.ts';
import { CliError, EXIT } from './exit.ts';
import { fileError, importModule } from './files.ts';
import type { CliIo } from './io.ts';

/** What `setup` of a module gets. */
export interface Loaded {
  readonly host: Host;
  readonly programs: Readonly<Record<string, Program>>;
  readonly maps: Readonly<Record<string, MapOf>>;
}

export interface Topology {
  readonly cpus?: number;
  readonly devices?: NonNullable<MachineOptions['devices']>;
  readonly namespaces?: Readonly<Record<string, NamespaceOptions>>;
  readonly routes?: readonly RouteOptions[];
  readonly neighbours?: readonly NeighbourOptions[];
  /** Program → device or devices. */
  readonly attach?: Readonly<Record<string, string | readonly string[]>>;
  readonly globals?: Readonly<Record<string, BtfInput>>;
  readonly maps?: Readonly<Record<string, readonly (readonly [BtfInput, BtfInput])[]>>;
  /** Device the capture's packets come in by. */
  readonly device?: string;
  /** Only in modules: the last touches. */
  readonly setup?: (loaded: Loaded) => void | Promise<void>;
}

const FIELDS = new Set([
  'cpus',
  'devices',
  'namespaces',
  'routes',
  'neighbours',
  'attach',
  'globals',
  'maps',
  'device',
]);

/** Reads it. Throws CliError for what is no topology. */
export async function readTopology(file: string, io: CliIo): Promise<Topology> {
  if (/\.[cm]?js$/.test(file)) return fromModule(file, io);
  let text: string;
  try {
    text = readFileSync(resolve(io.cwd, file), 'utf8');
  } catch (error) {
    throw fileError(file, error);
  }
  try {
    return checked(JSON.parse(text), file);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CliError(EXIT.input, `${file} is no JSON: ${error.message}`);
  }
}

async function fromModule(file: string, io: CliIo): Promise<Topology> {
  const exports = await importModule(file, io);
  const { setup } = exports;
  const plain = checked(exports['default'], file);
  return typeof setup === 'function' ? { ...plain, setup: setup as Topology['setup'] & {} } : plain;
}

function checked(value: unknown, file: string): Topology {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) throw new CliError(EXIT.input, `${file} has no topology: an object is wanted`);
  const unknown = Object.keys(value).find((name) => !FIELDS.has(name));
  if (unknown === undefined) return value as Topology;
  const known = [...FIELDS].join(', ');
  throw new CliError(EXIT.input, `${file}: a topology has no '${unknown}'; it has: ${known}`);
}
