import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const readsEnvironment = 'Only src/config reads the environment: import the Config instead.';

export default defineConfig(
  globalIgnores(['dist', '.build-*', 'coverage', 'src/postgres/generated']),
  {
    files: ['**/*.{ts,tsx,js,mjs}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'object-shorthand': 'error',
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: readsEnvironment }],
      'no-restricted-imports': [
        'error',
        {
          paths: ['process', 'node:process'].map((name) => ({ name, importNames: ['env'], message: readsEnvironment })),
        },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Nest's modules are classes that carry nothing but a decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `_` marks what a signature demands and nobody needs.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An index signature may say that its keys are not known in advance: process.env['HOME'].
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // Views and requests are classes for Swagger and class-validator; in use they are plain objects.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // The promise is for the caller, whatever the body does today.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/config/**', 'src/cli/**', 'test/**', 'bench/**', 'load-tests/**', 'scripts/**', '*.{js,ts}'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-imports': 'off' },
  },
  {
    files: ['src/cli/**', 'test/**', 'bench/**', 'load-tests/**', 'scripts/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**', '**/*.spec.ts', 'bench/**'],
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      // Jest's matchers are methods that nobody calls by themselves.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // each a sentence, with something put in
    files: ['web/*/words/**'],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    files: ['**/*.{js,mjs}'],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
);
