using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dtt.Core.Runs;

/// <summary>The JSON of a run's files: snake_case, enumerations as words.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, AllowOutOfOrderMetadataProperties = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RunFile))]
[JsonSerializable(typeof(RunRecord))]
[JsonSerializable(typeof(RunEvent))]
[JsonSerializable(typeof(StepMetrics))]
public sealed partial class RunJson : JsonSerializerContext
{
    private static readonly Lazy<RunJson> _indented = new(() => new RunJson(new JsonSerializerOptions(Default!.Options) { WriteIndented = true }));

    /// <summary>The same, on many lines, for files that people open.</summary>
    public static RunJson Indented => _indented.Value;
}
