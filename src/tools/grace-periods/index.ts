/** Running programs over all placements of grace periods. */
export {
  type Exploration,
  type ExploreOptions,
  exploreGracePeriods,
  type Placement,
  type Trial,
} from './explore.ts';
