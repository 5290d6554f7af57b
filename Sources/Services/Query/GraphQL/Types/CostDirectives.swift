extension SchemaPart {
    /// What an operation costs, by the directives of IBM's GraphQL Cost Directive Specification.
    static let costs = SchemaPart(
        """
        "What one value of a field costs, without what is selected below it. Without it: 1 with a selection, else 0. `graphql.max_cost` bounds the sum of an operation."
        directive @cost(weight: Int!) on FIELD_DEFINITION

        "How many values a list has: as many as one of the slicing arguments says, else `assumedSize`. With `sizedFields` the lists are those fields of the answer."
        directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!]) on FIELD_DEFINITION
        """)
}
