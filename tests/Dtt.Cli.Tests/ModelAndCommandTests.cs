using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Tests of what is done with models, which share a <see cref="TinyProject"/> of their own, beside those that kill ranks.</summary>
[CollectionDefinition(Name)]
public sealed class ModelAndCommandTests : ICollectionFixture<TinyProject>
{
    public const string Name = "models and commands";
}
