import { FormatError } from '../base/index.ts';
import type { Btf, BtfUse, CoreRelocation } from '../btf/index.ts';
import { parseBtf, parseBtfExt } from '../btf/index.ts';
import { parseElf } from '../elf/index.ts';
import { TooDeep } from './core-compat.ts';
import type { Candidate } from './core-names.ts';
import { candidatesOf } from './core-names.ts';
import type { AccessSpec } from './core-spec.ts';
import { CoreError, isEnumKind, isTypeKind, localSpec, targetSpec } from './core-spec.ts';
import { coreResult } from './core-value.ts';
import { sectionNamed, within } from './source.ts';

/**
 * What the CO-RE relocations of an object need of a kernel's types: what `minimiseBtf` has to keep.
 * Relocations that find nothing need nothing.
 *
 * Throws `FormatError` for bytes that are no object with `.BTF` and `.BTF.ext`, and where the
 * kernel's types leave a relocation ambiguous.
 */
export function coreUses(object: Uint8Array, kernel: Btf): readonly BtfUse[] {
  const elf = parseElf(object);
  const [types, ext] = [sectionNamed(elf, '.BTF'), sectionNamed(elf, '.BTF.ext')];
  if (!types || !ext) {
    throw new FormatError('ELF', 0, `the file has no ${types ? '.BTF.ext' : '.BTF'} section`);
  }
  const local = within(types, () => parseBtf(types.data));
  const { coreRelocations } = within(ext, () => parseBtfExt(ext.data, local));
  const candidates = new Map<number, readonly Candidate[]>();
  return coreRelocations.flatMap((relocation) => {
    const use = useOf(relocation, local, kernel, candidates);
    return use ? [use] : [];
  });
}

function useOf(
  relocation: CoreRelocation,
  local: Btf,
  kernel: Btf,
  known: Map<number, readonly Candidate[]>,
): BtfUse | undefined {
  const { type, access, kind, section, offset } = relocation;
  if (kind === 'local_type_id') return undefined;
  try {
    const spec = localSpec(local, type, access, kind);
    const root = local.type(type);
    const all = known.get(type) ?? candidatesOf({ btf: () => kernel, modules: [] }, root);
    const found = all.flatMap((candidate) => {
      const target = targetSpec(spec, candidate.btf, candidate.id);
      return target ? [{ candidate, target }] : [];
    });
    if (found.length > 0) {
      known.set(
        type,
        found.map(({ candidate }) => candidate),
      );
    }
    const targets = found.map(({ target }) => target);
    checkAgreement(spec, targets);
    return targets[0] && asUse(targets[0]);
  } catch (error) {
    if (!(error instanceof CoreError || error instanceof TooDeep)) throw error;
    const what = `${kind} of '${local.type(type).name}' + ${access} in '${section}'`;
    throw new FormatError('CO-RE', offset, `${what}: ${error.message}`, { cause: error });
  }
}

/** All candidates have to lead to the same place and value. */
function checkAgreement(local: AccessSpec, targets: readonly AccessSpec[]): void {
  const [first, ...others] = targets;
  if (!first || others.length === 0) return;
  const { after, poison } = coreResult(local, first);
  for (const other of others) {
    const result = coreResult(local, other);
    if (other.bitOffset !== first.bitOffset || result.after !== after || result.poison !== poison) {
      throw new CoreError('types of one name do not agree');
    }
  }
}

function asUse({ kind, rootId: type, path }: AccessSpec): BtfUse {
  if (kind === 'type_matches') return { what: 'match', type };
  if (isTypeKind(kind)) return { what: 'type', type };
  if (isEnumKind(kind)) return { what: 'enum', type };
  const members = path.filter(({ name }) => name !== undefined);
  return {
    what: 'field',
    type,
    path: members.map(({ typeId, index }) => ({ type: typeId, index })),
  };
}
