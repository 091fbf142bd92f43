namespace Dtt.Core.Models;

/// <summary>Keys that any Hugging Face <c>config.json</c> may have and that do not change what the three known classes compute.</summary>
public static class HuggingFaceNotes
{
    private static readonly HashSet<string> _names =
    [
        // Where the file comes from, and what it was trained or saved with.
        "model_type", "transformers_version", "torch_dtype", "dtype", "use_bfloat16", "torchscript", "gradient_checkpointing", "tf_legacy_loss",
        "attn_implementation", "base_model_tp_plan", "base_model_pp_plan", "unsloth_version", "unsloth_fixed", "transformers.js_config", "is_llama_config",

        // What a call returns.
        "use_cache", "return_dict", "output_hidden_states", "output_attentions", "output_past", "is_decoder", "tie_encoder_decoder",
        "chunk_size_feed_forward",

        // Heads other than the language model's, whose weights are refused where a file has them.
        "finetuning_task", "problem_type", "num_labels", "id2label", "label2id", "classifier_dropout", "n_special", "predict_special_tokens",
        "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels", "summary_first_dropout", "summary_hidden_size",

        // The tokenizer, which tokenizer.json describes.
        "tokenizer_class", "prefix", "model_max_length", "max_sequence_length", "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id",
        "unk_token_id", "decoder_start_token_id",

        // How text is sampled, in files from before generation_config.json.
        "task_specific_params", "max_length", "max_new_tokens", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups",
        "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
        "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "output_scores", "return_dict_in_generate", "forced_bos_token_id",
        "forced_eos_token_id", "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens",
    ];

    /// <summary>Whether a key is one of them; a name that starts with <c>_</c> is a program's own note.</summary>
    public static bool Contains(string name) => name.StartsWith('_') || _names.Contains(name);
}
