import { constants } from '../../abi/index.ts';
import { refuse } from '../errno.ts';
import type { MachineMap } from '../map.ts';
import type { MachineProgram } from '../program.ts';
import { type LinkInfo, MachineLink } from './link.ts';

/** A program at a map of sockets (struct sockmap_link). It holds the map. */
export class MapLink extends MachineLink {
  readonly type = constants.BPF_LINK_TYPE_SOCKMAP;
  readonly attachType: number;
  #map: MachineMap | undefined;

  constructor(
    program: MachineProgram,
    ended: (link: MachineLink) => void,
    map: MachineMap,
    attachType: number,
  ) {
    super(program, ended);
    this.attachType = attachType;
    this.#map = map.holdUser();
  }

  /** To its place. Throws KernelError: then the link is of no use. */
  enter(): void {
    programsOf(this.#map!).attach(this.program, this.attachType, this);
  }

  /** The map it is at; undefined once it was detached. */
  get map(): MachineMap | undefined {
    return this.#map;
  }

  override get attached(): boolean {
    return this.#map !== undefined;
  }

  info(): LinkInfo {
    return { 'sockmap.map_id': this.#map?.id ?? 0, 'sockmap.attach_type': this.attachType };
  }

  override detachHook(): void {
    this.leave();
  }

  /** Throws KernelError EPERM, EINVAL, ENOLINK, EBUSY, ENOENT. */
  override update(program: MachineProgram, old: MachineProgram | undefined): void {
    const own = this.program;
    if (old && old !== own) refuse('EPERM', 'another program is there');
    const same = own.typeId === program.typeId;
    if (!same || own.expectedAttachType !== program.expectedAttachType) refuse('EINVAL');
    if (!this.#map) refuse('ENOLINK', 'the link was detached');
    programsOf(this.#map).replace(this, this.attachType, program, old);
    this.replaceProgram(program);
  }

  protected leave(): void {
    const map = this.#map;
    if (!map) return;
    this.#map = undefined;
    map.programs?.unlink(this, this.attachType);
    map.dropUser();
  }
}

/** Throws KernelError EOPNOTSUPP: no programs attach to such a map. */
export function programsOf(map: MachineMap) {
  return map.programs ?? refuse('EOPNOTSUPP', 'no programs attach to such maps');
}
