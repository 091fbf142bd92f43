using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using Dtt.Core.Configuration;

namespace Dtt.Core.Runs;

/// <summary>What a client wants trained. Whatever its configuration says is read from there, and is stored nowhere else.</summary>
public sealed record RunRequest
{
    private static readonly ConditionalWeakTable<string, RunConfig> _parsed = [];

    /// <summary>The resolved configuration, YAML.</summary>
    public required string ConfigYaml { get; init; }

    /// <summary>The token shards to train on, absolute; of a mixture, those of its first dataset; empty for an import, which has none.</summary>
    public required string TokensFolder { get; init; }

    /// <summary>The token shards of the further datasets of a mixture, in the order in which the configuration names them; null: there are none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? OtherTokensFolders { get; init; }

    /// <summary>The token shards of each dataset.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> TokensFolders => [TokensFolder, .. OtherTokensFolders ?? []];

    /// <summary>The tokenizer of those tokens, absolute.</summary>
    public required string TokenizerFolder { get; init; }

    /// <summary>Environment of the run's ranks: what decides their numerics, from the client's own (<see cref="Platform.RankEnvironment"/>).</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Higher is served first in the queue.</summary>
    public int Priority { get; init; }

    /// <summary>Two requests of one id are the same request, made twice because the first answer was lost; null: of an earlier build.</summary>
    public string? Id { get; init; }

    /// <summary>The checkpoint whose weights it starts from; null: fresh ones.</summary>
    public CheckpointPlace? InitFrom { get; init; }

    /// <summary>The configuration as a value. Its <see cref="RunConfig.Name"/> names the experiment: the run's name before it was numbered.</summary>
    [JsonIgnore]
    public RunConfig Config => _parsed.GetValue(ConfigYaml, RunConfig.Parse);

    /// <summary>The devices that the run wants, where an earlier build stored them beside the configuration; else null.</summary>
    [JsonPropertyName("devices")]
    public DeviceRequest? StoredDevices { get; init; }

    /// <summary>The devices that the run wants.</summary>
    [JsonIgnore]
    public DeviceRequest Devices => StoredDevices ?? new(Config.Cuda, Config.RanksPerNode, Config.MinRanks)
    {
        Nodes = Config.Nodes,
        MinNodes = Config.MinNodes,
        NodeWait = Config.NodeWait,
    };

    /// <summary>The keys that say how long a run is.</summary>
    public static IReadOnlyList<string> LengthKeys { get; } = ["max_steps", "max_tokens", "epochs"];

    /// <summary>The same, longer or shorter, as its configuration then says.</summary>
    /// <param name="length">Some of <see cref="LengthKeys"/>.</param>
    public RunRequest WithLength(IReadOnlyDictionary<string, long> length) =>
        this with { ConfigYaml = length.Aggregate(ConfigYaml, (yaml, key) => ResolvedYaml.Set(yaml, key.Key, key.Value, "dtt resume --set")) };

    /// <summary>The same on another number of ranks, which its configuration then says.</summary>
    public RunRequest WithRanks(int ranks)
    {
        const string origin = "dtt resume --ranks";
        var yaml = ResolvedYaml.Set(ConfigYaml, "ranks_per_node", ranks, origin);
        if (Config.MinRanks > ranks) yaml = ResolvedYaml.Set(yaml, "min_ranks", ranks, origin);
        return this with { ConfigYaml = yaml, StoredDevices = null };
    }
}
