import about from '../package.json' with { type: 'json' }

/** Version of Bantam, from package.json. */
export const VERSION: string = about.version
