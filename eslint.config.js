import tseslint from 'typescript-eslint'

/** Which workspace packages a package may import; `cli` is imported by nobody. */
const MAY_IMPORT = {
  protocol: [],
  contract: [],
  client: ['protocol', 'contract'],
  server: ['protocol', 'contract'],
  testing: ['protocol', 'contract', 'client', 'server'],
  cli: ['protocol', 'contract', 'client', 'server'],
}

const boundaries = Object.entries(MAY_IMPORT).map(([name, allowed]) => {
  const forbidden = Object.keys(MAY_IMPORT).filter((other) => other !== name && !allowed.includes(other))
  const names = forbidden.map((other) => (other === 'cli' ? 'tidings' : `@tidings/${other}`))
  return {
    files: [`packages/${name}/src/**/*.ts`],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: names.map((path) => ({ name: path, message: `${name} must not import ${path}` })),
          patterns: [
            ...names.map((path) => ({ group: [`${path}/*`], message: `${name} must not import ${path}` })),
            { group: ['**/packages/*', '../../../*/src/*'], message: 'import a package by its name' },
          ],
        },
      ],
    },
  }
})

/** Inside the server: the core sees the backend interfaces, never a concrete backend. */
const core = {
  files: ['packages/server/src/{session,commands,fanout,access,http,observe,transport}/**/*.ts'],
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: ['**/backend/memory/*', '**/backend/disk/*', 'lmdb'],
            message: 'the core must not name a concrete backend',
          },
        ],
      },
    ],
  },
}

export default tseslint.config(
  { ignores: ['**/dist/', '**/node_modules/', '**/*.js', '**/*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-definitions': 'off',
      'max-lines': ['error', { max: 400 }],
      eqeqeq: 'error',
    },
  },
  ...boundaries,
  core,
)
