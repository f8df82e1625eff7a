// Stands in for @rjsf/validator-ajv8, which a test helper of rjsf imports: ajv makes code at run time, which the console's
// Content-Security-Policy forbids. Nothing here may ever be called.
export default {};
