import { I32, I64, type ModuleBuilder } from './encoder.ts';
import type { Draft } from './draft.ts';
import { functionNames, type MapFacts } from './facts.ts';
import { CALL } from './insn.ts';
import type { ImportNames } from './names.ts';
import { NONE } from './program.ts';
import { TAIL_CALL } from './subprograms.ts';

/** Map operations that compiled code calls straight, by helper id. */
export const MAP_OPERATIONS: Readonly<
  Record<number, { readonly name: string; readonly params: readonly number[] }>
> = {
  1: { name: 'lookup', params: [I32, I32] },
  2: { name: 'update', params: [I32, I32, I32, I64] },
  3: { name: 'delete', params: [I32, I32] },
  87: { name: 'push', params: [I32, I32, I64] },
  88: { name: 'pop', params: [I32, I32] },
  89: { name: 'peek', params: [I32, I32] },
};

/** What one program imports. All programs of a module import before the first one has functions. */
export class ModuleImports {
  readonly builder: ModuleBuilder;
  readonly names: ImportNames;
  /** Global: address of this CPU's block. */
  readonly cpu: number;
  /** Global: address of the counters; NONE when not profiling. */
  readonly counters: number;
  /** Global: 1 + the instruction that threw, while frames are given up; NONE if nothing can. */
  readonly thrown: number;
  /** Functions of the runtime; NONE where they are not needed. */
  readonly regionCheck: number;
  readonly checkCall: number;
  /** Legacy packet loads call it. */
  readonly packetLoad: number;
  /** Is told of pointers that calls give, if somebody watches. */
  readonly obtained: number;
  /** (map, bytes) -> whether a record fits its ring buffer; NONE without rings of our own. */
  readonly ringRoom: number;
  /** (map, hash) -> node and (map, node): nodes of LRUs; none if no map is one. */
  readonly lru: { readonly take: number; readonly give: number } | undefined;
  /** `tail_call(ctx, slot)`: see tail-call.ts. */
  readonly tailCall: number;
  private readonly draft: Draft;
  private readonly helpers = new Map<number, number>();
  private readonly contracts = new Map<number, number>();
  private readonly operations = new Map<string, number>();
  private readonly slots = new Map<number, number>();

  constructor(builder: ModuleBuilder, draft: Draft, names: ImportNames) {
    this.builder = builder;
    this.draft = draft;
    this.names = names;
    const { world, program } = draft;
    builder.importMemory('env', 'memory', { shared: world.facts.shared });
    this.cpu = builder.importGlobal('env', 'cpu', I32, false);
    this.counters = world.options.profile
      ? builder.importGlobal('env', names.counters, I32, false)
      : NONE;
    this.thrown = draft.infos.some(({ throws }) => throws)
      ? builder.importGlobal('env', names.thrown, I32, true)
      : NONE;
    for (const k of program.callbacks) {
      this.slots.set(k, builder.importGlobal('slot', names.slot(k), I32, false));
    }
    const args = [I32, I64, I64, I64, I64, I64];
    this.regionCheck = world.checks
      ? this.runtimeFunction('region_check', [I64, I32, I32], I32)
      : NONE;
    this.checkCall = world.checks ? this.runtimeFunction('check_call', args, I32) : NONE;
    this.packetLoad = this.importPacketLoad();
    const hasRings = !world.checks && world.rings.length > 0;
    this.ringRoom = hasRings ? this.runtimeFunction('ringbuf_room', [I32, I32], I32) : NONE;
    this.lru = world.facts.maps.some(({ hash }) => hash?.lru) ? this.importLru() : undefined;
    this.obtained = world.options.watch
      ? builder.importFunction('runtime', 'mem_obtained', builder.type([I64], []))
      : NONE;
    this.tailCall = draft.infos.some((info) => info.tailCalls)
      ? builder.importFunction('env', 'tail_call', builder.type([I32, I32], [I64]))
      : NONE;
    this.importHelpers();
  }

  private runtimeFunction(name: string, params: readonly number[], result: number): number {
    return this.builder.importFunction('runtime', name, this.builder.type(params, [result]));
  }

  private importLru(): { take: number; give: number } {
    const give = this.builder.type([I32, I32], []);
    return {
      take: this.runtimeFunction('lru_hash_take', [I32, I32], I32),
      give: this.builder.importFunction('runtime', 'lru_hash_give', give),
    };
  }

  private importPacketLoad(): number {
    const { code, executable } = this.draft.program;
    const used = code.op.some((op, i) => executable[i] !== 0 && (op & 7) === 0 && op !== 0x18);
    return used ? this.runtimeFunction('packet_load', [I32, I32, I32, I32, I32], I64) : NONE;
  }

  private importHelpers(): void {
    const { code, executable } = this.draft.program;
    const used = new Set<number>();
    for (let i = 0; i < code.length; i++) {
      if (executable[i] !== 0 && code.op[i] === CALL && code.src[i] === 0) used.add(code.imm[i]);
    }
    for (const id of used) this.importHelper(id);
  }

  private importHelper(id: number): void {
    const { builder, names } = this;
    const { world } = this.draft;
    const facts = world.helper(id);
    if (facts === undefined || facts.throws || id === TAIL_CALL) return;
    const type = builder.type(Array<number>(facts.arity).fill(I64), [I64]);
    this.helpers.set(id, builder.importFunction('helper', names.callee(id), type));
    if (world.checks && facts.checked) {
      this.contracts.set(id, builder.importGlobal('contract', names.contract(id), I32, false));
    }
    const operation = MAP_OPERATIONS[id];
    if (operation === undefined || !facts.isRuntime) return;
    for (const map of world.facts.maps) {
      const name = functionNames(map, operation.name).find((each) => world.hasFunction(each));
      if (name === undefined) continue;
      this.operations.set(name, this.runtimeFunction(name, operation.params, I64));
    }
  }

  helper(id: number): number | undefined {
    return this.helpers.get(id);
  }

  /** Global with the address of the helper's contract record, if its arguments are checked. */
  contract(id: number): number | undefined {
    return this.contracts.get(id);
  }

  /** The runtime's function for an operation on this map, the most specific one there is. */
  operation(map: MapFacts, operation: string): number | undefined {
    const names = functionNames(map, operation);
    return this.operations.get(names.find((name) => this.operations.has(name)) ?? '');
  }

  /** Global with the table slot of a callback. */
  callbackSlot(subprogram: number): number {
    return this.slots.get(subprogram)!;
  }
}
