using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Tests that share one <see cref="TinyProject"/>, one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class RankAndCommandTests : ICollectionFixture<TinyProject>
{
    public const string Name = "ranks and commands";
}
