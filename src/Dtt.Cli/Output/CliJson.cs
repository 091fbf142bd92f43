using System.Text.Json.Serialization;

namespace Dtt.Cli.Output;

/// <summary>The JSON of <c>--json</c>: snake_case; a number that is not finite is null.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, Converters = [typeof(FiniteNumbers)])]
[JsonSerializable(typeof(RunOutput[]))]
[JsonSerializable(typeof(RunDetailOutput))]
[JsonSerializable(typeof(CheckpointOutput[]))]
[JsonSerializable(typeof(EventOutput[]))]
[JsonSerializable(typeof(Dictionary<string, double>[]))]
[JsonSerializable(typeof(DatasetOutput[]))]
[JsonSerializable(typeof(NodeOutput[]))]
[JsonSerializable(typeof(CheckOutput[]))]
[JsonSerializable(typeof(QueueOutput[]))]
[JsonSerializable(typeof(SiloOutput))]
[JsonSerializable(typeof(BatchOutput[]))]
[JsonSerializable(typeof(SampleOutput[]))]
[JsonSerializable(typeof(BenchOutput[]))]
[JsonSerializable(typeof(TokenOutput[]))]
[JsonSerializable(typeof(TokenizerOutput))]
[JsonSerializable(typeof(CompareOutput[]))]
[JsonSerializable(typeof(ReportOutput))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, double>))]
internal sealed partial class CliJson : JsonSerializerContext;
