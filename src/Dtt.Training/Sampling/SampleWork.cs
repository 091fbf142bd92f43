using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Data.Order;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Ranks;
using TorchSharp;

namespace Dtt.Training.Sampling;

/// <summary>Continues a prompt with a committed checkpoint, streaming the text to the host.</summary>
internal static class SampleWork
{
    /// <summary>Samples until all continuations are made or the host asks to stop.</summary>
    /// <exception cref="BadDataException">The checkpoint or its tokenizer is missing or damaged, or the model's numbers overflow.</exception>
    public static void Run(SampleSpec spec, IRankChannel channel)
    {
        var (source, settings) = (spec.Source!, spec.Settings);
        var config = RunConfig.Parse(source.ConfigYaml);
        var (manifest, vocabulary) = CheckpointFolder.Open(source);
        TorchRuntime.Load();
        var device = TorchRuntime.Device(config.Cuda);
        using var parameters = new FlatParameters(ParameterTable.Of(config.Model), device, bf16: device.type == DeviceType.CUDA, forTraining: false);
        CheckpointFolder.Load(source.Folder, manifest, config.Model, parameters, optimizer: null);
        var sampler = new Sampler(new Gpt(config.Model, parameters), vocabulary);
        var choice = new TokenChoice(settings.Temperature, settings.TopK, settings.TopP);
        for (var i = 0; i < settings.Count && !channel.StopRequested; i++)
        {
            var index = i;
            void Write(string text) => channel.Send(new SampledText(index, text, false, 0, 0));
            var seed = (long)Mixing.Seed(settings.Seed, index);
            var (tokens, seconds, sound) = sampler.Continue(settings.Prompt, settings.MaxTokens, choice, seed, Write, () => channel.StopRequested);
            if (!sound)
            {
                throw new BadDataException($"{source.Folder}: after {tokens} tokens the model's logits are not finite: its weights are finite, "
                    + "but too large to compute with. Take an earlier checkpoint.");
            }

            channel.Send(new SampledText(index, "", true, tokens, seconds));
        }
    }
}
