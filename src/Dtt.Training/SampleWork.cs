using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Data.Order;
using Dtt.Data.Tokenizers;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Ranks;
using Dtt.Training.Sampling;
using TorchSharp;

namespace Dtt.Training;

/// <summary>Continues a prompt with a committed checkpoint, streaming the text to the host.</summary>
internal static class SampleWork
{
    public static void Run(SampleSpec spec, RunConfig config, IRankChannel channel)
    {
        var vocabulary = TokenizerFolder.Load(spec.TokenizerFolder);
        var manifest = CheckpointFolder.ReadManifest(spec.CheckpointFolder, spec.ManifestSha256);
        if (manifest.TokenizerSha256 != vocabulary.Sha256)
            throw new Core.Errors.BadDataException($"{spec.CheckpointFolder} was trained with another tokenizer than the one in {spec.TokenizerFolder}; bring the right one back.");
        TorchRuntime.Load();
        var device = TorchRuntime.Device(config.Cuda);
        using var parameters = new FlatParameters(ParameterTable.Of(config.Model), device, bf16: device.type == DeviceType.CUDA, forTraining: false);
        CheckpointFolder.Load(spec.CheckpointFolder, manifest, config.Model, parameters, optimizer: null);
        var sampler = new Sampler(new Gpt(config.Model, parameters), vocabulary);
        var choice = new TokenChoice(spec.Temperature, spec.TopK, spec.TopP);
        for (var i = 0; i < spec.Count && !channel.StopRequested; i++)
        {
            var index = i;
            var seed = (long)Mixing.Seed(spec.Seed, index);
            var (tokens, seconds) = sampler.Continue(spec.Prompt, spec.MaxTokens, choice, seed, text => channel.Send(new SampledText(index, text, false, 0, 0)), () => channel.StopRequested);
            channel.Send(new SampledText(index, "", true, tokens, seconds));
        }
    }
}
