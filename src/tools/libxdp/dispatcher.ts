import { constants } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import type { Host, LoadedObject, LoadOptions, Program } from '../../client/index.ts';
import type { KernelLink } from '../../kernel/index.ts';
import type { ObjectFile, ProgramSpec } from '../../object/index.ts';
import { type XdpRunConfig, xdpRunConfig } from './run-config.ts';

const { BPF_F_XDP_HAS_FRAGS } = constants;
/** The dispatcher's own program, and the functions of it that others take the place of. */
const DISPATCHER = 'xdp_dispatcher';
const SLOT = 'prog';
/** XDP_DISPATCHER_MAGIC, XDP_DISPATCHER_VERSION, MAX_DISPATCHER_ACTIONS */
const [MAGIC, VERSION, MOST] = [236, 2, 10];
/** XDP_DISPATCHER_RETVAL: what a function says that nobody took the place of. */
const UNUSED = 2 ** 31;

/** A program to be dispatched. */
export interface XdpProgramFile extends Partial<XdpRunConfig> {
  readonly object: ObjectFile;
  /** Default: the first XDP program of the object. */
  readonly program?: string;
  readonly options?: Omit<LoadOptions, 'programs' | 'targets'>;
}

/** A program that is dispatched. */
export interface DispatchedProgram extends XdpRunConfig {
  readonly name: string;
  readonly loaded: LoadedObject;
  readonly program: Program;
}

interface Entry extends XdpRunConfig {
  readonly name: string;
  readonly file: XdpProgramFile;
  readonly frags: boolean;
  loaded: LoadedObject | undefined;
}

/** One dispatcher at the device, and the links of what is in it. */
interface Installed {
  readonly loaded: LoadedObject;
  readonly main: Program;
  readonly links: readonly KernelLink[];
  readonly attachment: KernelLink | { detach(): void };
}

/**
 * Several XDP programs at one device, as `xdp-loader` puts them there: libxdp's dispatcher is at
 * the device, and each program takes the place of one of its functions (freplace), lower priorities
 * first, then by name. Whoever comes or goes makes a new dispatcher, which takes the old one's
 * place at once, so that no packet meets half of them.
 *
 * @example
 * const object = parseObject(readFileSync('/usr/lib/x86_64-linux-gnu/bpf/xdp-dispatcher.o'));
 * const dispatcher = new XdpDispatcher(host, 'eth0', object);
 * await dispatcher.add([{ object: firewall }, { object: counter, priority: 10 }]);
 */
export class XdpDispatcher implements Disposable {
  readonly #host: Host;
  readonly #device: string;
  readonly #object: ObjectFile;
  #entries: readonly Entry[] = [];
  #installed: Installed | undefined;

  /** `object`: libxdp's xdp-dispatcher.o of version 2. Throws KernelError EINVAL for another. */
  constructor(host: Host, device: string, object: ObjectFile) {
    if (!object.programs.some(({ name }) => name === DISPATCHER)) {
      throw new KernelError('EINVAL', 22, `the object has no program '${DISPATCHER}'`);
    }
    this.#host = host;
    this.#device = device;
    this.#object = object;
  }

  /** In the order they run. */
  get programs(): readonly DispatchedProgram[] {
    return this.#entries.map(({ name, priority, chainCallActions, loaded }) => {
      const program = loaded!.programs[name]!;
      return { name, priority, chainCallActions, loaded: loaded!, program };
    });
  }

  /**
   * Adds programs. Throws KernelError E2BIG for more than ten, and what loading throws: then all is
   * as it was.
   */
  async add(files: readonly XdpProgramFile[]): Promise<void> {
    await this.#change([...this.#entries, ...files.map(entryOf)]);
  }

  /** Takes programs of that name away. Throws KernelError ENOENT. */
  async remove(name: string): Promise<void> {
    const rest = this.#entries.filter((one) => one.name !== name);
    if (rest.length === this.#entries.length) {
      throw new KernelError('ENOENT', 2, `'${name}' is not at ${this.#device}`);
    }
    const gone = this.#entries.filter((one) => one.name === name);
    await this.#change(rest);
    for (const { loaded } of gone) loaded?.[Symbol.dispose]();
  }

  async #change(wanted: readonly Entry[]): Promise<void> {
    if (wanted.length > MOST) {
      throw new KernelError('E2BIG', 7, `a dispatcher has ${MOST} programs, not ${wanted.length}`);
    }
    const sorted = wanted.toSorted(compare);
    const before = this.#installed;
    const next = sorted.length > 0 ? await this.#install(sorted, before?.main) : undefined;
    if (!next) before?.attachment.detach();
    for (const link of before?.links ?? []) link.detach();
    before?.loaded[Symbol.dispose]();
    this.#entries = sorted;
    this.#installed = next;
  }

  /** A new dispatcher with all of them, in the place of the old one. */
  async #install(entries: readonly Entry[], before: Program | undefined): Promise<Installed> {
    const loaded = await this.#host.load(dispatcherFor(this.#object, entries), {
      programs: [DISPATCHER],
      globals: { conf: configOf(entries) },
    });
    const main = loaded.programs[DISPATCHER]!;
    const links: KernelLink[] = [];
    const made: Entry[] = [];
    try {
      for (const [i, entry] of entries.entries()) {
        if (!entry.loaded) made.push(entry);
        links.push(await this.#enter(entry, main, `${SLOT}${i}`));
      }
      const replace = before ? { replace: before.kernelProgram } : {};
      const where = { device: this.#device, link: false, ...replace };
      return { loaded, main, links, attachment: main.kernelProgram.attach(where) };
    } catch (error) {
      for (const link of links) link.detach();
      for (const entry of made) {
        entry.loaded?.[Symbol.dispose]();
        entry.loaded = undefined;
      }
      loaded[Symbol.dispose]();
      throw error;
    }
  }

  /** In the place of a function of the dispatcher. */
  async #enter(entry: Entry, main: Program, slot: string): Promise<KernelLink> {
    const { name, file } = entry;
    if (entry.loaded) {
      const again = { target: main.kernelProgram, targetFunction: slot };
      return entry.loaded.programs[name]!.kernelProgram.attach(again);
    }
    entry.loaded = await this.#host.load(asExtension(file.object, name), {
      ...file.options,
      programs: [name],
      targets: { [name]: { program: main, function: slot } },
    });
    return entry.loaded.programs[name]!.kernelProgram.attach({});
  }

  /** Nothing of it is at the device any more. */
  [Symbol.dispose](): void {
    this.#installed?.attachment.detach();
    for (const link of this.#installed?.links ?? []) link.detach();
    this.#installed?.loaded[Symbol.dispose]();
    for (const { loaded } of this.#entries) loaded?.[Symbol.dispose]();
    this.#entries = [];
    this.#installed = undefined;
  }
}

function entryOf(file: XdpProgramFile): Entry {
  const { object, program } = file;
  const spec = object.programs.find(({ name, type }) =>
    program === undefined ? type === 'xdp' : name === program,
  );
  if (!spec) throw new KernelError('ENOENT', 2, `no XDP program ${program ?? ''} in the object`);
  const { name, flags } = spec;
  const said = xdpRunConfig(object, name);
  const { priority = said.priority, chainCallActions = said.chainCallActions } = file;
  const frags = flags.includes('frags');
  return { name, file, priority, chainCallActions, frags, loaded: undefined };
}

/** Those that are there already come first where priority and name are the same. */
function compare(one: Entry, other: Entry): number {
  if (one.priority !== other.priority) return one.priority - other.priority;
  if (one.name !== other.name) return one.name < other.name ? -1 : 1;
  return Number(one.loaded === undefined) - Number(other.loaded === undefined);
}

/** It takes packets in pieces if all of its programs do. */
function dispatcherFor(object: ObjectFile, entries: readonly Entry[]): ObjectFile {
  const frags = entries.every((one) => one.frags);
  return changed(object, DISPATCHER, { flags: frags ? ['frags'] : [] });
}

const asExtension = (object: ObjectFile, name: string): ObjectFile =>
  changed(object, name, { type: 'ext', attachType: undefined });

function changed(object: ObjectFile, name: string, by: Partial<ProgramSpec>): ObjectFile {
  const programs = object.programs.map((one) => (one.name === name ? { ...one, ...by } : one));
  return { ...object, programs };
}

/** struct xdp_dispatcher_config */
function configOf(entries: readonly Entry[]) {
  const padded = <T>(of: (entry: Entry) => T, rest: T): T[] =>
    Array.from({ length: MOST }, (_, i) => (entries[i] ? of(entries[i]) : rest));
  return {
    magic: MAGIC,
    dispatcher_version: VERSION,
    num_progs_enabled: entries.length,
    is_xdp_frags: entries.every(({ frags }) => frags) ? 1 : 0,
    chain_call_actions: padded(({ chainCallActions }) => chainCallActions + UNUSED, 0),
    run_prios: padded(({ priority }) => priority, 0),
    program_flags: padded(({ frags }) => (frags ? BPF_F_XDP_HAS_FRAGS : 0), 0),
  };
}
