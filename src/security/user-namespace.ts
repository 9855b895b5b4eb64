import { KernelError } from '../base/index.ts';

/** How deep user namespaces may lie in each other (create_user_ns). */
const MOST_LEVELS = 32;

/** Ids of a namespace: `count` from `inside` on are those from `outside` on of the first one. */
export interface IdMap {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** A user namespace: capabilities hold in it and in those below it. */
export interface UserNamespace {
  /** '' is the first one, which everything starts in. */
  readonly name: string;
  /** Undefined: the first one. */
  readonly parent: UserNamespace | undefined;
  /** 0 for the first one. */
  readonly level: number;
  /** Who made it, a uid of the first namespace: in the parent this user may do all in it. */
  readonly owner: number;
  /** Users and groups it knows (uid_map, gid_map). */
  readonly ids: IdMap;
}

/** What a namespace is made with. */
export interface UserNamespaceOptions {
  /** Who makes it. Default 0. */
  readonly owner?: number;
  /** Default: the first one. */
  readonly parent?: UserNamespace;
  /** Default: root of it is the owner, and there are no others. */
  readonly ids?: IdMap;
}

const EVERYBODY: IdMap = { inside: 0, outside: 0, count: 0xffffffff };

/** make_kuid(), make_kgid(): the id of the first namespace; undefined for one that is not known. */
export function idFrom({ ids }: UserNamespace, id: number): number | undefined {
  const at = id - ids.inside;
  return at >= 0 && at < ids.count ? ids.outside + at : undefined;
}

/** kuid_has_mapping(): whether a namespace knows an id of the first one. */
export function knowsId({ ids }: UserNamespace, id: number): boolean {
  return id >= ids.outside && id < ids.outside + ids.count;
}

/** The user namespaces of a machine, by name. */
export class UserNamespaces {
  readonly first: UserNamespace = {
    name: '',
    parent: undefined,
    level: 0,
    owner: 0,
    ids: EVERYBODY,
  };
  readonly #named = new Map<string, UserNamespace>([['', this.first]]);

  /**
   * clone(CLONE_NEWUSER). Throws KernelError: EEXIST for a name that is taken, ENOSPC for one that
   * lies too deep.
   */
  create(name: string, options: UserNamespaceOptions = {}): UserNamespace {
    const { owner = 0, parent = this.first } = options;
    const { ids = { inside: 0, outside: owner, count: 1 } } = options;
    if (this.#named.has(name)) throw new KernelError('EEXIST', 17, `there is a '${name}' already`);
    // The kernel looks at the parent's level: 0 to 32 may have children.
    if (parent.level > MOST_LEVELS) throw new KernelError('ENOSPC', 28, 'namespaces lie too deep');
    const made: UserNamespace = { name, parent, level: parent.level + 1, owner, ids };
    this.#named.set(name, made);
    return made;
  }

  /** Throws KernelError ENOENT. */
  get(name: string): UserNamespace {
    const found = this.#named.get(name);
    if (found) return found;
    throw new KernelError('ENOENT', 2, `there is no user namespace '${name}'`);
  }

  has(name: string): boolean {
    return this.#named.has(name);
  }

  /** All, those above before those below. */
  [Symbol.iterator](): Iterator<UserNamespace> {
    return this.#named.values();
  }
}
