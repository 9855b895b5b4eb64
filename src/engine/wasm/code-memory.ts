import type { CodePack, Recompaction, RecompactOptions } from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import { INSN_SIZE } from '../../isa/index.ts';
import type { Runtime } from '../../runtime/types.ts';
import type {
  CodeMemoryOptions,
  CompileOptions,
  EngineCodeMemory,
  LoadedCode,
  ProgramImage,
} from '../types.ts';
import { WasmCode } from './code.ts';
import { collectFacts } from './collect.ts';
import { type Draft, draftOf, metadataOf } from './draft.ts';
import { compileError } from './link.ts';
import { Pack, type PackMember } from './pack.ts';

const DEFAULT_PACK_SIZE = 16;
const MAX_PACK_SIZE = 4096;
/** Instructions of a pack, all programs together; longer programs have one of their own. */
const MOST_INSNS = 32_768;
/** Share of dead code from which a pack is packed anew. */
const DEFAULT_WASTE = 0.5;

/** A program that waits for its pack. */
interface Waiting extends PackMember {
  readonly draft: Draft;
}

const insnsOf = ({ code }: PackMember): number => code.image.insns.length / INSN_SIZE;

/**
 * The modules of one runtime's programs. Linux packs the machine code of small programs into pages
 * that are never written again once they may run (bpf_prog_pack, kernel/bpf/core.c); here a pack is
 * a module, which cannot be written at all.
 *
 * @example
 * const memory = wasmEngine.codeMemory!(runtime, { packSize: 16 });
 * const loadAll = () => images.map((image) => memory.load(image, { checks: false }));
 * const codes = memory.together(loadAll);
 */
export class WasmCodeMemory implements EngineCodeMemory {
  readonly packSize: number;
  readonly #runtime: Runtime;
  readonly #packs = new Set<Pack>();
  #waiting: Waiting[] = [];
  #waitingInsns = 0;
  #depth = 0;
  #nextPack = 1;

  constructor(runtime: Runtime, { packSize = DEFAULT_PACK_SIZE }: CodeMemoryOptions = {}) {
    if (!(Number.isInteger(packSize) && packSize >= 1 && packSize <= MAX_PACK_SIZE)) {
      const text = `packs of ${packSize} programs (1 to ${MAX_PACK_SIZE})`;
      throw new KernelError('EINVAL', 22, text);
    }
    this.#runtime = runtime;
    this.packSize = packSize;
  }

  load(image: ProgramImage, options: CompileOptions): LoadedCode {
    const draft = draftOf(image, options, collectFacts(image, this.#runtime));
    const code = new WasmCode(image, this.#runtime, metadataOf(draft));
    const member = { code, options, draft };
    if (this.#depth > 0 && this.packSize > 1) this.#wait(member);
    else this.#build([member], 1);
    return code;
  }

  #wait(member: Waiting): void {
    const insns = insnsOf(member);
    if (this.#waitingInsns + insns > MOST_INSNS) this.#flush();
    this.#waiting.push(member);
    this.#waitingInsns += insns;
    if (this.#waiting.length === this.packSize) this.#flush();
  }

  #flush(): void {
    const members = this.#waiting;
    this.#waiting = [];
    this.#waitingInsns = 0;
    const alive = members.filter(({ code }) => !code.gone);
    if (alive.length > 0) this.#build(alive, 1);
  }

  together<Result>(work: () => Result): Result {
    this.#depth++;
    try {
      return work();
    } finally {
      if (--this.#depth === 0) this.#flush();
    }
  }

  packs(): readonly CodePack[] {
    return [...this.#packs].map((pack) => pack.facts());
  }

  recompact({ waste = DEFAULT_WASTE }: RecompactOptions = {}): Recompaction {
    const chosen = this.#wasteful(waste);
    const members = chosen.flatMap((pack) => pack.living());
    const groups = this.#group(members);
    const bytesOf = (packs: Iterable<Pack>) => [...packs].reduce((sum, one) => sum + one.bytes, 0);
    const [before, bytes] = [this.#packs.size, bytesOf(this.#packs)];
    const generation = 1 + Math.max(0, ...chosen.map((pack) => pack.generation));
    for (const group of groups)
      this.#build(
        group.map((member) => this.#redraft(member)),
        generation,
      );
    for (const pack of chosen) this.#packs.delete(pack);
    const freed = bytes - bytesOf(this.#packs);
    return { moved: members.length, before, after: this.#packs.size, freed };
  }

  /** Those with much dead code, and the small ones if together they are fewer. */
  #wasteful(waste: number): Pack[] {
    const packs = [...this.#packs];
    const dead = packs.filter((pack) => pack.waste >= waste && (pack.waste > 0 || waste === 0));
    const small = packs.filter(
      (pack) => !dead.includes(pack) && pack.living().length < this.packSize,
    );
    const both = [...dead, ...small];
    const fewer = this.#group(both.flatMap((pack) => pack.living())).length < both.length;
    return fewer ? both : dead;
  }

  /** Members in packs that are not too large. */
  #group(members: readonly PackMember[]): PackMember[][] {
    const groups: PackMember[][] = [];
    let insns = 0;
    for (const member of members) {
      const last = groups.at(-1);
      insns += insnsOf(member);
      if (last && last.length < this.packSize && insns <= MOST_INSNS) last.push(member);
      else {
        groups.push([member]);
        insns = insnsOf(member);
      }
    }
    return groups;
  }

  #redraft({ code, options }: PackMember): Waiting {
    const facts = collectFacts(code.image, this.#runtime);
    return { code, options, draft: draftOf(code.image, options, facts) };
  }

  /** One module of all of them. */
  #build(members: readonly Waiting[], generation: number): void {
    const id = this.#nextPack++;
    try {
      const drafts = members.map(({ draft }) => draft);
      const pack = new Pack({ id, generation }, members, drafts, this.#runtime);
      this.#packs.add(pack);
      pack.onEmpty = () => this.#packs.delete(pack);
    } catch (error) {
      if (generation === 1) for (const { code } of members) code.dispose();
      throw compileError(members[0].code.image, error);
    }
  }
}
