/** Whether publications are kept in memory or on disk is said on the command line. */
import { defineConfig } from 'tidings'
import { allow, authenticate, contract } from './contract.mjs'

export default defineConfig({ contract, authenticate, allow, compression: true })
