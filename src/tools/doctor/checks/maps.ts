import { constants } from '../../../abi/index.ts';
import { finding } from '../codes.ts';
import type { Finding } from '../types.ts';
import type { Check } from './check.ts';

const NAME_LENGTH = constants.BPF_OBJ_NAME_LEN - 1;

/** Are maps defined in a way libbpf 6.12 reads (bpf_object__init_maps)? */
export const checkDefinitions: Check = ({ subject: { elf, btf, broken } }) => {
  const section = (name: string) => elf.sections.find((one) => one.name === name && one.size > 0);
  const found: Finding[] = [];
  if (section('maps')) {
    const says = "elf: legacy map definitions in 'maps' section are not supported by libbpf v1.0+";
    const message = "maps in the section 'maps', as before BTF";
    found.push(finding('legacy-maps', 'maps', message, { says }));
  }
  if (!section('.maps')) return found;
  if (!btf && !broken.some(({ code }) => code === 'broken-btf')) {
    const says = 'BTF is required, but is missing or corrupted.';
    const message = 'map definitions are read from BTF, and there is none';
    found.push(finding('maps-need-btf', '.maps', message, { says }));
  } else if (btf && btf.find('datasec', '.maps') === undefined) {
    const says = "DATASEC '.maps' not found.";
    const message = 'BTF does not describe the variables in .maps';
    found.push(finding('maps-undescribed', '.maps', message, { says }));
  }
  return found;
};

/** A static variable in .maps is no map to libbpf, but a mistake. */
export const checkLinkage: Check = ({ subject: { btf } }) => {
  const id = btf?.find('datasec', '.maps');
  const datasec = id === undefined ? undefined : btf!.type(id);
  if (datasec?.kind !== 'datasec') return [];
  return datasec.vars.flatMap(({ type }) => {
    const variable = btf!.type(type);
    if (variable.kind !== 'var' || variable.linkage !== 'static') return [];
    const { name } = variable;
    const says = `map '${name}': unsupported map linkage static.`;
    return [finding('static-map', name, `map '${name}' is a static variable`, { says })];
  });
};

/** What happens to maps that people are surprised by. */
export const checkNames: Check = ({ subject: { object } }) =>
  (object?.maps ?? []).flatMap((map) => {
    const found: Finding[] = [];
    if (!map.dataSection && map.name.length > NAME_LENGTH) {
      const cut = map.name.slice(0, NAME_LENGTH);
      found.push(finding('map-name-cut', map.name, `the kernel and bpftool know it as '${cut}'`));
    }
    if (map.pinning === 'by_name') {
      const message = `lives on as /sys/fs/bpf/${map.name}; one that is there is used again`;
      found.push(finding('map-pinned', map.name, message));
    }
    return found;
  });
