import { readSections } from './header.ts';
import { type BtfRefusal, isModifier, type RawRecord, Refused } from './raw.ts';
import { readRecords } from './records.ts';
import { TypeResolver } from './resolve.ts';

export type { BtfRefusal } from './raw.ts';

/** Modifiers, typedefs and tags in a row. */
const MAX_CHAIN = 32;

/**
 * Would BPF_BTF_LOAD of Linux 6.12 take this section? Undefined if so, else its errno and the last
 * words of its log. The kernel is much stricter than `parseBtf`, which takes what compilers write:
 * libbpf mends that before it loads. Checked is all of btf_parse but the special members that
 * programs of this BTF could own (spin locks, lists, trees, kernel pointers).
 *
 * @example
 * checkBtfLoad(builder.toBytes())?.message; // '[1] FWD (anon) struct Invalid name'
 */
export function checkBtfLoad(bytes: Uint8Array): BtfRefusal | undefined {
  try {
    const sections = readSections(bytes);
    const records = readRecords(sections);
    new TypeResolver(records, sections.names).checkAll();
    checkTags(records);
    return undefined;
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

/** Tags on types stand before qualifiers and typedefs (btf_check_type_tags). */
function checkTags(records: readonly RawRecord[]): void {
  let checked = 0;
  for (const record of records) {
    if (!isModifier(record)) continue;
    let type = record;
    let tagged = type.kind === 'type_tag';
    for (let length = 0; isModifier(type); length++) {
      if (length === MAX_CHAIN) throw new Refused('Max chain length or cycle detected', 'ELOOP');
      if (type.kind !== 'type_tag') tagged = false;
      else if (!tagged) throw new Refused("Type tags don't precede modifiers");
      // What stands behind was checked when its turn was.
      if (type.id <= checked) break;
      type = records[type.value]!;
    }
    checked = record.id;
  }
}
