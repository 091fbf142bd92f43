using System.Text.Json.Serialization;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Datasets;
using Dtt.Grains.Experiments;
using Dtt.Grains.Queue;

namespace Dtt.Grains.Storage;

/// <summary>The JSON of grain state in the database (readable, and safe against renamed types) and of what only grains and agents say to each other.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true,
    AllowOutOfOrderMetadataProperties = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(DurableRun))]
[JsonSerializable(typeof(Adoption))]
[JsonSerializable(typeof(QueueState))]
[JsonSerializable(typeof(DatasetState))]
[JsonSerializable(typeof(ShardState))]
[JsonSerializable(typeof(ExperimentState))]
[JsonSerializable(typeof(LaunchRequest))]
[JsonSerializable(typeof(ReserveReply))]
public sealed partial class GrainJson : JsonSerializerContext;
