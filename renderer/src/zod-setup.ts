import { z } from 'zod'

// The page's content security policy forbids making functions from text, which zod would try for speed.
z.config({ jitless: true })
