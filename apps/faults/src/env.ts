/** What the processes under test inherit: nothing but where programs are found. */
export const readEnv = (): { path: string } => ({ path: process.env.PATH ?? '' });
