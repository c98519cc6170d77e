/** What every change is checked with: each kind of fault once, about ten minutes on two cores. What is not in it is run by hand, all of it. */
export const CI_SELECTION: readonly string[] = [
  '1', // a worker killed
  '4', // a worker killed between the answer and the end of its job
  '5', // an API killed
  '6', // Redis killed
  '8', // Redis frozen
  '11', // Redis' subscribers cut
  '12', // Redis full
  '13', // PostgreSQL killed
  '14', // PostgreSQL frozen
  '15', // PostgreSQL away at the start
  '17', // rows that are refused
  '18', // a provider's 429: that the jest tests are there
  '22', // connections that are stale or reset
  '27', // a clock that is wrong
  '29', // the holder of a lane's only slot killed
  '30', // every process replaced
  '31', // workers scaled
  '33', // a caller who hangs up
  '44', // a network to PostgreSQL that is bad in six ways
  '45', // and one to Redis
  '46', // and one to a provider
  'main',
  '42',
];
export const CI_LOAD = 0.5;
export const CI_SOAK_SECONDS = 180;
